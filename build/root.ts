import { type Libc, type Architecture, tripleOf } from './libc.ts'
import type { Item } from './tar.ts'

/** The user without rights, as in distroless images. */
export const USER = 65532

const text = (words: string): Uint8Array => new TextEncoder().encode(words)

/**
 * Everything but the executable. The library is in one folder under every name that a distribution's loader may look
 * for it: which of them it is built for depends on where it comes from.
 */
export const rootItems = (libc: Libc, architecture: Architecture): Item[] => [
  { kind: 'directory', path: 'data', owner: USER },
  { kind: 'directory', path: 'etc' },
  {
    kind: 'file',
    path: 'etc/group',
    data: text(`root:x:0:\nnonroot:x:${USER}:\nnobody:x:65534:\n`),
  },
  { kind: 'file', path: 'etc/nsswitch.conf', data: text('hosts: files dns\n') },
  {
    kind: 'file',
    path: 'etc/passwd',
    data: text(
      [
        'root:x:0:0:root:/root:/sbin/nologin',
        `nonroot:x:${USER}:${USER}:nonroot:/home/nonroot:/sbin/nologin`,
        'nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n',
      ].join('\n'),
    ),
  },
  { kind: 'directory', path: 'home' },
  { kind: 'directory', path: 'home/nonroot', owner: USER, mode: 0o700 },
  { kind: 'directory', path: 'lib' },
  ...libc.files.map(({ name, data }): Item => ({ kind: 'file', path: `lib/${name}`, data, mode: 0o755 })),
  { kind: 'link', path: `lib/${tripleOf(architecture)}`, to: '.' },
  { kind: 'link', path: 'lib64', to: 'lib' },
  { kind: 'directory', path: 'tmp', mode: 0o1777 },
  { kind: 'directory', path: 'usr' },
  { kind: 'link', path: 'usr/lib', to: '../lib' },
  { kind: 'link', path: 'usr/lib64', to: '../lib' },
]
