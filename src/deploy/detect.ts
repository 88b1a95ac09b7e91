import type { ProfileName } from './profile.ts'

interface Sight {
  context: string
  server: string
}

/** What each tool and provider calls its clusters, or where it serves them. */
const SIGNS: readonly (readonly [profile: ProfileName, isIt: (sight: Sight) => boolean])[] = [
  ['gke', ({ context }) => context.startsWith('gke_')],
  [
    'eks',
    ({ context, server }) => /^arn:aws[\w-]*:eks:/.test(context) || hostOf(server).endsWith('.eks.amazonaws.com'),
  ],
  ['aks', ({ server }) => hostOf(server).endsWith('.azmk8s.io')],
]

/** The profile that fits a cluster by its looks; the small one where nothing is known. */
export const detectProfile = (sight: Sight): ProfileName => SIGNS.find(([, isIt]) => isIt(sight))?.[0] ?? 'minikube'

const hostOf = (server: string): string => (URL.canParse(server) ? new URL(server).hostname : '')
