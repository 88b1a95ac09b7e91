/** Which paths the objects of a kind have: asked of the cluster once per API version. */
import { StockpipeError } from '../../errors.ts'
import type { Right } from '../cluster.ts'
import type { Connection } from './connection.ts'

/** One kind of objects. */
export interface Resource {
  group: string
  version: string
  /** Plural, as in paths and rights. */
  name: string
  isNamespaced: boolean
}

export interface Kind {
  apiVersion: string
  kind: string
}

export interface Resources {
  /** Throws `missing-kind` where the cluster does not know it. */
  find(kind: Kind): Promise<Resource>
}

interface ApiResourceList {
  resources: readonly { name: string; kind: string; namespaced: boolean }[]
}

export function discoveredResources({ send, context }: Connection): Resources {
  const known = new Map<string, Promise<ApiResourceList>>()

  async function ask(apiVersion: string): Promise<ApiResourceList> {
    const right: Right = { verb: 'get', group: '', resource: 'the list of kinds', namespace: null }
    try {
      const answer = await send({
        asked: { what: `ask for the kinds of ${apiVersion}`, right },
        path: rootOf(apiVersion),
      })
      return (await answer.json()) as ApiResourceList
    } catch (error) {
      if (error instanceof StockpipeError && error.code === 'not-found') return { resources: [] }
      throw error
    }
  }

  return {
    async find({ apiVersion, kind }) {
      const asking = known.get(apiVersion) ?? ask(apiVersion)
      known.set(apiVersion, asking)
      const found = await asking.then(
        ({ resources }) => resources.find((entry) => entry.kind === kind && !entry.name.includes('/')),
        (error: unknown) => {
          known.delete(apiVersion)
          throw error
        },
      )
      // Its definition may be installed while we run.
      if (found === undefined) known.delete(apiVersion)
      if (found === undefined) throw missing({ apiVersion, kind }, context)
      const [group = '', version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion]
      return { group, version: version ?? '', name: found.name, isNamespaced: found.namespaced }
    },
  }
}

const rootOf = (apiVersion: string): string => (apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`)

const missing = ({ apiVersion, kind }: Kind, context: string) =>
  new StockpipeError('missing-kind', `the cluster of ${context} has no kind ${kind} of ${apiVersion}`, {
    why: apiVersion.startsWith('keda.sh/')
      ? 'KEDA is not installed there'
      : 'its definition (CRD) is not installed there, or the cluster is too old or too new for it',
    hint: apiVersion.startsWith('keda.sh/')
      ? 'install KEDA, or choose --set processor.autoscaling.by=hpa'
      : `kubectl api-resources --api-group=${apiVersion.split('/')[0]}`,
  })

/** Where the objects are; with a name, where that one is. */
export function pathOf(resource: Resource, namespace: string | null, name?: string): string {
  const { group, version, name: plural, isNamespaced } = resource
  const root = rootOf(group === '' ? version : `${group}/${version}`)
  const place = isNamespaced && namespace !== null ? `/namespaces/${encodeURIComponent(namespace)}` : ''
  return `${root}${place}/${plural}${name === undefined ? '' : `/${encodeURIComponent(name)}`}`
}

export const rightTo = (verb: string, { group, name }: Resource, namespace: string | null): Right => ({
  verb,
  group,
  resource: name,
  namespace,
})
