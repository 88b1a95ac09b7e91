/** Rules about settings and secrets. */
import { readSettings } from '../../src/config.ts'
import { envOf } from '../../src/config/option.ts'
import { KEYS } from '../../src/config/options.ts'
import type { KubeObject } from '../../src/deploy/object.ts'
import { type Container, containersOf, isWorkload } from '../../src/deploy/pod.ts'
import type { Rules } from './lint.ts'

const KNOWN = new Set(KEYS.map(envOf))
const LARGEST_CONFIG = 900 * 1024

/** As the container sees it. What comes from a Secret is some text. */
export function environmentOf(
  { env = [], envFrom = [] }: Container,
  all: readonly KubeObject[],
): Record<string, string> {
  const maps = envFrom.flatMap(({ configMapRef }) => {
    const map = all.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === configMapRef?.name)
    return Object.entries((map?.['data'] ?? {}) as Record<string, string>)
  })
  return Object.fromEntries([...maps, ...env.map(({ name, value }) => [name, value ?? 'from-elsewhere'] as const)])
}

/** Files of Secrets are not here, and a test has no use for what they would hold. */
const withoutFiles = (env: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !/_(PASSWORD|TOKEN)_FILE$|_USERNAME$/.test(name)))

const isOurs = ({ image }: Container): boolean => /(^|\/)stockpipe[:@]/.test(image)

/** Variables whose text becomes arguments of the program, which every user of the machine can read. */
const ARGUMENTS = /(ARGS|OPTS|OPTIONS)$/

/** What of a container's command line comes from a Secret, straight or by way of another variable. */
function secretArgument({ command = [], args = [], env = [] }: Container): string | undefined {
  const secret = new Set<string>()
  const holdsSecret = (text = ''): boolean =>
    [...text.matchAll(/\$[({]?(\w+)/g)].some(([, name = '']) => secret.has(name))
  for (const { name, value, valueFrom } of env)
    if (valueFrom?.secretKeyRef !== undefined || holdsSecret(value)) secret.add(name)
  return [...secret].find((name) => ARGUMENTS.test(name)) ?? [...command, ...args].find(holdsSecret)
}

const NAMES_A_SECRET = /PASSWORD|TOKEN|SECRET|CREDENTIAL|CLUSTER_ID/

export const SETTING_RULES = {
  'a STOCKPIPE_ variable is an option': (object, all) =>
    isWorkload(object) &&
    containersOf(object.spec.template)
      .flatMap((container) => Object.keys(environmentOf(container, all)))
      .find((name) => name.startsWith('STOCKPIPE_') && !KNOWN.has(name) && object.metadata.name !== 'grafana'),
  'a role takes its settings': (object, all) => {
    if (!isWorkload(object) || object.kind === 'Job') return null
    const container = object.spec.template.spec.containers[0]
    if (container === undefined || !isOurs(container)) return null
    const role = container.args?.find((word) => word.startsWith('--role='))?.slice('--role='.length)
    const env = { ...withoutFiles(environmentOf(container, all)), STOCKPIPE_ROLE: role ?? '' }
    const { problems, loaded } = readSettings({ command: 'run', flags: {}, env, cwd: import.meta.dir })
    if (problems.length > 0) return problems.map(({ what }) => what).join('; ')
    const { broker, store, listen, dataDir } = loaded.settings
    const isWired = broker === 'kafka' && store === 'cassandra' && dataDir === '/data'
    return (!isWired || listen?.host !== '0.0.0.0' || listen.port !== 8080) && 'not wired to Kafka, Cassandra and 8080'
  },
  'a secret is no text of the render': (object) => {
    if (object.kind === 'Secret') return ['data', 'stringData'].find((field) => object[field] !== undefined)
    if (!isWorkload(object)) return null
    return containersOf(object.spec.template)
      .flatMap(({ env = [] }) => env)
      .find(({ name, value }) => NAMES_A_SECRET.test(name) && value !== undefined && !name.endsWith('_FILE'))?.name
  },
  'a secret is in no command line': (object) =>
    isWorkload(object) &&
    containersOf(object.spec.template)
      .map(secretArgument)
      .find((what) => what !== undefined),
  'a Secret says what it holds': ({ kind, metadata }) =>
    kind === 'Secret' && !metadata.annotations?.['stockpipe.dev/keys'] && 'no keys',
  'a ConfigMap is below what Kubernetes takes': (object) =>
    object.kind === 'ConfigMap' && JSON.stringify(object).length > LARGEST_CONFIG && 'too large',
} as const satisfies Rules<KubeObject>
