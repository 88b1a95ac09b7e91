/** The flags of what is wanted, read into what deploy takes. */
import { readFileSync } from 'node:fs'

import type { Wanted } from '../../deploy/intent.ts'
import { StockpipeError } from '../../errors.ts'
import type { LocalValues } from '../command.ts'
import type { GIVEN, PLACE, WISHES } from './flags.ts'

type Flags = LocalValues<typeof PLACE & typeof WISHES & typeof GIVEN>

/** A token that is given is wanted, too. */
export function wantedOf({ namespace, profile, values, set, 'finnhub-token-file': token }: Flags): Wanted {
  return {
    profile,
    namespace,
    files: values.map((name) => ({ name, text: read(name, '--values') })),
    sets: token === null ? set : ['feed=finnhub', ...set],
  }
}

/** Secrets of the user, by Secret and key. A variable counts only where no file is named. */
export function givenOf({ 'finnhub-token-file': file }: Flags, env: NodeJS.ProcessEnv): Map<string, string> {
  const variable = (env['STOCKPIPE_FINNHUB_TOKEN'] || env['FINNHUB_API_TOKEN'])?.trim()
  const token = file === null ? variable : read(file, '--finnhub-token-file').trim()
  if (file !== null && token === '')
    throw new StockpipeError('config', `${file} is empty`, { hint: 'put the token in it' })
  return new Map(token ? [['finnhub/token', token]] : [])
}

function read(file: string, flag: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new StockpipeError('config', `cannot read ${file}`, { why: `${flag} names it`, cause: error })
  }
}
