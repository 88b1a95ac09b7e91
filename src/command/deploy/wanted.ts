/** The flags of what is wanted, read into what deploy takes. */
import { readFileSync } from 'node:fs'

import type { Wanted } from '../../deploy/intent.ts'
import { StockpipeError } from '../../errors.ts'
import type { LocalValues } from '../command.ts'
import type { GIVEN, PLACE, WISHES } from './flags.ts'

type Flags = LocalValues<typeof PLACE & typeof WISHES & typeof GIVEN>

/** A token that is given is wanted, too. A variable counts only where no file is named. */
export function wantedOf(
  { namespace, profile, values, set, 'finnhub-token-file': token }: Flags,
  env: NodeJS.ProcessEnv,
): Wanted {
  return {
    profile,
    namespace,
    files: values.map((name) => ({ name, text: read(name, '--values') })),
    sets: token === null ? set : ['feed=finnhub', ...set],
    hasToken: token === null && tokenIn(env) !== '',
  }
}

/** Secrets of the user, by Secret and key. */
export function givenOf({ 'finnhub-token-file': file }: Flags, env: NodeJS.ProcessEnv): Map<string, string> {
  const token = file === null ? tokenIn(env) : read(file, '--finnhub-token-file').trim()
  if (file !== null && token === '')
    throw new StockpipeError('config', `${file} is empty`, { hint: 'put the token in it' })
  return new Map(token ? [['finnhub/token', token]] : [])
}

const tokenIn = (env: NodeJS.ProcessEnv): string =>
  (env['STOCKPIPE_FINNHUB_TOKEN'] || env['FINNHUB_API_TOKEN'] || '').trim()

function read(file: string, flag: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new StockpipeError('config', `cannot read ${file}`, { why: `${flag} names it`, cause: error })
  }
}
