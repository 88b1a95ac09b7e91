import type { Database } from 'bun:sqlite'

/** Of each B-tree, at most: some 1 MB, read in a few ms. */
const MOST_PAGES = 300

interface Page {
  path: string
  cells: number
  bytes: number
}

export interface Tree {
  bytes: number
  rows: number
  /** False: only its first pages were looked at. */
  isWhole: boolean
}

/**
 * Size and rows of a B-tree without a rowid by its pages. Of a large one by its first pages: how many branches and
 * rows such a page has, multiplied level by level. Throws where this SQLite cannot tell (`dbstat`).
 */
export function treeOf(db: Database, name: string, most = MOST_PAGES): Tree {
  const pages = db
    .query<Page, [string, number]>('SELECT path, ncell AS cells, pgsize AS bytes FROM dbstat WHERE name = ? LIMIT ?')
    .all(name, most)
  const isWhole = pages.length < most
  const sum = (of: (page: Page) => number) => pages.reduce((total, page) => total + of(page), 0)
  const estimate = { bytes: sum(({ bytes }) => bytes), rows: sum(({ cells }) => cells), isWhole }
  return isWhole ? estimate : estimateOf(pages)
}

/** `/` is the root, `/00a/` one of its branches, `/00a/003/` a branch of that; an overflow page has a `+`. */
const depthOf = ({ path }: Page): number => path.split('/').length - 2

function estimateOf(pages: readonly Page[]): Tree {
  const levels: Page[][] = []
  for (const page of pages) if (!page.path.includes('+')) (levels[depthOf(page)] ??= []).push(page)
  const total = { bytes: 0, rows: 0, isWhole: false }
  let count = 1
  for (const level of levels) {
    const mean = (of: (page: Page) => number) => level.reduce((sum, page) => sum + of(page), 0) / level.length
    total.bytes += count * mean(({ bytes }) => bytes)
    total.rows += count * mean(({ cells }) => cells)
    // A page of n cells has n + 1 branches.
    count *= mean(({ cells }) => cells) + 1
  }
  return { bytes: Math.round(total.bytes), rows: Math.round(total.rows), isWhole: false }
}
