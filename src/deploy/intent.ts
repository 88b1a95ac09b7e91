/** What is wanted: the flags and files of this run, or else what the last one wanted. */
import { StockpipeError } from '../errors.ts'
import { buildInfo } from '../version.ts'
import type { ClusterIdentity } from './cluster.ts'
import { detectProfile } from './detect.ts'
import type { Inventory } from './inventory.ts'
import { madeWith } from './made-with.ts'
import { refOf, type KubeObject } from './object.ts'
import { isMap } from './patch.ts'
import { PROFILES, type ProfileName } from './profile.ts'
import { render } from './render.ts'
import { readValues, type Values, type ValuesFile } from './values.ts'
import { gathered } from './values/source.ts'
import { stringify } from 'yaml'

export interface Wanted {
  /** Null: as before, or told by the cluster. */
  profile: ProfileName | null
  /** Null: as the files say. */
  namespace: string | null
  files: readonly ValuesFile[]
  sets: readonly string[]
  /** A token of Finnhub is in the environment. That is no value of this run, and replaces none of the last one. */
  hasToken?: boolean
}

export interface Intent {
  values: Values
  objects: readonly KubeObject[]
  /** What the inventory keeps of it. */
  target: Inventory
  /** Whether the values are those of the last run, because this one has none. */
  isAsBefore: boolean
  /** Keys that the last run set and this one does not, as `kafka.storage`: they go back to what the profile has. */
  dropped: readonly string[]
  /** Whether the token of the environment is not used, because a value or what is installed says otherwise. */
  isTokenIdle: boolean
}

export const namespaceOf = ({ namespace, files, sets }: Wanted): string =>
  readValues({ ...(namespace === null ? {} : { namespace }), files, sets }).namespace

const LIVE: ValuesFile = { name: 'the environment', text: 'feed: finnhub\n' }

/** With a token the real feed is wanted, where no file and no `--set` says otherwise. */
export const filesOf = ({ files, hasToken }: Pick<Wanted, 'files' | 'hasToken'>): readonly ValuesFile[] =>
  hasToken ? [LIVE, ...files] : files

/** Throws `config` that names every problem of the values. */
export function intentOf(wanted: Wanted, former: Inventory | null, identity: ClusterIdentity): Intent {
  const { hasToken = false } = wanted
  const isAsBefore = former !== null && wanted.files.length === 0 && wanted.sets.length === 0
  const files = isAsBefore ? [valuesOf(former)] : filesOf({ ...wanted, hasToken: hasToken && !isSimulated(former) })
  const profile = wanted.profile ?? formerProfile(former) ?? detectProfile(identity)
  const namespace = wanted.namespace === null ? {} : { namespace: wanted.namespace }
  const values = readValues({ profile, ...namespace, files, sets: wanted.sets })
  const objects = render(values)
  const own = gathered(files, wanted.sets, [])
  const target: Inventory = {
    state: 'applied',
    version: buildInfo().version,
    profile,
    cluster: identity.uid ?? former?.cluster ?? '',
    // Read again as YAML 1.1, where an unquoted yes is true.
    values: stringify(own, { version: '1.1' }),
    madeWith: madeWith(objects),
    isTested: false,
    objects: objects.map(refOf),
  }
  const isTokenIdle = hasToken && values.feed === 'simulated'
  return { values, objects, target, isAsBefore, dropped: droppedFrom(former, own), isTokenIdle }
}

const valuesOf = (former: Inventory | null): ValuesFile => ({
  name: 'the values of the installation',
  text: former?.values ?? '',
})

/** Whose data takes no real trades: a token that happens to be there must not ask for them. */
const isSimulated = (former: Inventory | null): boolean =>
  former !== null && (gathered([valuesOf(former)], [], []) as { feed?: unknown }).feed !== 'finnhub'

function droppedFrom(former: Inventory | null, own: object): string[] {
  const kept = new Set(keysOf(own))
  // That of the former is that of this run, whichever way it was told.
  return keysOf(gathered([valuesOf(former)], [], [])).filter((key) => !kept.has(key) && key !== 'namespace')
}

/** With dots, down to what is no map. */
function keysOf(values: object, before: readonly string[] = []): string[] {
  return Object.entries(values).flatMap(([key, value]) =>
    isMap(value) ? keysOf(value, [...before, key]) : [[...before, key].join('.')],
  )
}

function formerProfile(former: Inventory | null): ProfileName | null {
  if (former === null) return null
  const known = PROFILES.find((name) => name === former.profile)
  if (known !== undefined) return known
  throw new StockpipeError(
    'config',
    `the installation has the profile ${former.profile}, which this version does not know`,
    {
      hint: `--profile, one of ${PROFILES.join(', ')}`,
    },
  )
}
