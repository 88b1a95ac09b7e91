/** The secrets of test/canary.test.ts, and every way to give them. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { COMMANDS } from '../src/command/commands.ts'
import { envOf, kebab, type Option } from '../src/config/option.ts'
import { KEYS, OPTIONS } from '../src/config/options.ts'
import { CANARY } from './canary.ts'

export const secretKeys = KEYS.filter((key) => (OPTIONS[key] as Option<unknown>).secret)

const ofCommands = COMMANDS.flatMap(({ local, subs = [] }) => [local, ...subs.map((sub) => sub.local)]).flatMap(
  (local) => Object.keys(local),
)

/** Flags that name a file or a folder with a secret that is no secret option itself. */
export const secretFlags = [
  ...KEYS.map((key) => kebab(key)).filter((flag) => flag.endsWith('-key-file')),
  ...new Set(ofCommands.filter((flag) => /login|token|password|secret|key|kubeconfig/.test(flag))),
]

/** With characters that JSON, URLs and shells write in another way. */
const values = Object.fromEntries(secretKeys.map((key, index) => [key, `${CANARY}"+/%&${index}`]))
export const valueOf = (key: string): string => values[key] ?? ''

const aliasesOf = (key: (typeof KEYS)[number]): readonly { name: string }[] =>
  (OPTIONS[key] as Option<unknown>).aliases ?? []

export interface Given {
  env: Record<string, string>
  cwd: string
}

/** In folders of their own below this one. */
export function givenIn(folder: string) {
  const place = (name: string): string => {
    mkdirSync(join(folder, name), { recursive: true })
    return join(folder, name)
  }
  const fileOf = (key: string): string => {
    const path = join(folder, `secret-${kebab(key)}`)
    writeFileSync(path, `${valueOf(key)}\n`)
    return path
  }
  const yamlIn = (cwd: string, lines: readonly string[]): Given => {
    writeFileSync(join(cwd, 'stockpipe.yaml'), lines.map((line) => `${line}\n`).join(''))
    return { env: {}, cwd }
  }
  const ways = {
    variables: () => ({
      env: Object.fromEntries(secretKeys.map((key) => [envOf(key), valueOf(key)])),
      cwd: place('v'),
    }),
    aliases: () => ({
      env: Object.fromEntries(secretKeys.map((key) => [aliasesOf(key)[0]?.name ?? envOf(key), valueOf(key)])),
      cwd: place('a'),
    }),
    files: () => ({
      env: Object.fromEntries(secretKeys.map((key) => [`${envOf(key)}_FILE`, fileOf(key)])),
      cwd: place('f'),
    }),
    stockpipe_yaml: () =>
      yamlIn(
        place('y'),
        secretKeys.map((key) => `${kebab(key)}: ${JSON.stringify(valueOf(key))}`),
      ),
    'files of stockpipe.yaml': () =>
      yamlIn(
        place('yf'),
        secretKeys.map((key) => `${kebab(key)}-file: ${fileOf(key)}`),
      ),
  } satisfies Record<string, () => Given>
  return { place, yamlIn, ways }
}
