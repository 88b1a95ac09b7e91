/** All objects of a kind, page by page. */
import { StockpipeError } from '../../errors.ts'
import type { Right } from '../cluster.ts'
import type { KubeObject } from '../object.ts'
import type { Connection } from './connection.ts'
import { OUTDATED } from './refusal.ts'
import type { Kind } from './resources.ts'

export interface ListOf {
  kind: Kind
  path: string
  query: Readonly<Record<string, string>>
  /** Completes "list". */
  what: string
  right: (verb: string) => Right
}

export interface Listed {
  items: KubeObject[]
  /** From where a watch goes on. */
  resourceVersion: string
}

interface Page {
  metadata: { resourceVersion: string; continue?: string }
  items: readonly Omit<KubeObject, 'apiVersion' | 'kind'>[]
}

const PAGE = 200
const TRIES = 5

/** A long list may change so much meanwhile that the server drops the rest of it: it is then begun anew. */
export async function listAll(connection: Connection, list: ListOf, signal?: AbortSignal): Promise<Listed> {
  for (let tried = 1; ; tried++) {
    try {
      return await listOnce(connection, list, signal)
    } catch (error) {
      if (!(error instanceof StockpipeError) || error.cause !== OUTDATED || tried >= TRIES) throw error
    }
  }
}

async function listOnce({ send }: Connection, list: ListOf, signal?: AbortSignal): Promise<Listed> {
  const items: KubeObject[] = []
  let rest: string | undefined
  for (;;) {
    const query = new URLSearchParams({ ...list.query, limit: String(PAGE), ...(rest ? { continue: rest } : {}) })
    const asked = { what: `list ${list.what}`, right: list.right('list') }
    const answer = await send({ asked, path: `${list.path}?${query.toString()}`, ...(signal ? { signal } : {}) })
    const page = (await answer.json()) as Page
    // The items of a list go without these.
    items.push(...page.items.map((item) => ({ ...item, ...list.kind }) as KubeObject))
    rest = page.metadata.continue
    if (!rest) return { items, resourceVersion: page.metadata.resourceVersion }
  }
}
