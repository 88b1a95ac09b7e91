import { packTar, type TarEntry } from 'modern-tar'

/** What is in a file system, by its path without a leading slash; owned by root unless it says otherwise. */
export type Item = { path: string; owner?: number } & (
  | { kind: 'file'; data: Uint8Array; mode?: number }
  | { kind: 'directory'; mode?: number }
  | { kind: 'link'; to: string }
)

const DEFAULT_MODES = { file: 0o644, directory: 0o755, link: 0o777 }
/** Nothing in an image knows when it was built. */
const LONG_AGO = new Date(0)

/** Same items, same bytes. */
export const tarOf = (items: readonly Item[]): Promise<Uint8Array<ArrayBuffer>> => packTar(items.map(entryOf))

function entryOf(item: Item): TarEntry {
  const { path, owner = 0 } = item
  const mode = (item.kind === 'link' ? undefined : item.mode) ?? DEFAULT_MODES[item.kind]
  const common = { mode, uid: owner, gid: owner, uname: '', gname: '', mtime: LONG_AGO }
  if (item.kind === 'file')
    return { header: { ...common, name: path, type: 'file', size: item.data.length }, body: item.data }
  if (item.kind === 'directory') return { header: { ...common, name: `${path}/`, type: 'directory', size: 0 } }
  return { header: { ...common, name: path, type: 'symlink', linkname: item.to, size: 0 } }
}
