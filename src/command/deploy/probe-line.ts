import type { Probe } from '../../deploy/probe/junit.ts'

const WORDS = { ok: 'ok  ', fail: 'fail', skip: 'skip' } as const

export function probeLine({ name, ok, detail, ms, isLeftOut = false }: Probe): string {
  const word = isLeftOut ? WORDS.skip : ok ? WORDS.ok : WORDS.fail
  return `${word}  ${name}  ${ms === 0 ? '' : `${Math.round(ms)} ms  `}${detail}\n`
}
