import { check } from '../../deploy/check/check.ts'
import { detectProfile } from '../../deploy/detect.ts'
import type { Finding } from '../../finding.ts'
import type { LocalValues } from '../command.ts'
import type { TARGET, WISHES } from './flags.ts'
import type { DeploySession } from './session.ts'
import { type DeployWish, readWish } from './wish.ts'

export type WishFlags = LocalValues<typeof TARGET & typeof WISHES>

/** The wish for the cluster of a session: where no flag names a profile, its looks decide. */
export async function wishFor({ cluster }: DeploySession, flags: WishFlags): Promise<DeployWish> {
  return readWish(flags, flags.profile ?? detectProfile(await cluster.identity()))
}

export const examine = ({ cluster, session }: DeploySession, { objects, values }: DeployWish): Promise<Finding[]> =>
  check({ cluster, session, objects, namespace: values.namespace })

export const findingLine = ({ check, state, detail, fix }: Finding): string =>
  `${state.padEnd(4)}  ${check.padEnd(9)}  ${detail}\n${fix === undefined ? '' : `                 try: ${fix}\n`}`
