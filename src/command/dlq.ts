import { moment } from '../config/moment.ts'
import type { Problem } from '../config/problems.ts'
import { integer, refuse, splitList, truth, type ValueType } from '../config/value.ts'
import { configuredCommand, formatOf, local, type LocalValues, OUTPUT, type Wish } from './command.ts'

const ids: ValueType<readonly string[]> = {
  accepts: 'numbers as `dlq list` prints them, like 3:17, comma separated',
  list: true,
  parse: (value) =>
    splitList(value).map((id) => {
      if (!/^\d+:\d+$/.test(id)) throw refuse(`has ${JSON.stringify(id)}, which is no such number`)
      return id
    }),
  print: (value) => value,
}

const LOCAL = {
  ...OUTPUT,
  id: local(ids, null, 'Only these letters'),
  from: local(moment, null, 'Only letters from this time on (when they were put there)'),
  to: local(moment, null, 'Only letters before this time'),
  limit: local(integer({ min: 1, max: 10_000 }), 100, 'Letters to list, the newest'),
  all: local(truth, false, 'Replay every letter'),
  'dry-run': local(truth, false, 'Say what a replay would do, and do nothing'),
  yes: local(truth, false, 'Do not ask', 'y'),
}
type Values = LocalValues<typeof LOCAL>

const ACTIONS = ['list', 'show', 'replay'] as const

export const dlqCommand = configuredCommand({
  name: 'dlq',
  describe: 'The dead letters: what could not be read, and another try',
  examples: [
    ['stockpipe dlq list', 'the newest ones, and what is wrong with each'],
    ['stockpipe dlq show --id 3:17', 'one of them, whole'],
    ['stockpipe dlq replay --all --dry-run', 'which of them can be read by now'],
  ],
  positional: { name: 'action', describe: 'What to do', choices: ACTIONS, isRequired: true },
  local: LOCAL,
  obstacles,
  async run({ settings, values, positional, print }) {
    const { listDlq, replayDlq } = await import('./dlq/run-dlq.ts')
    const call = { settings, values, format: formatOf(values), print }
    return positional === 'replay' ? replayDlq(call) : listDlq({ ...call, isWhole: positional === 'show' })
  },
})

function obstacles({ values, positional }: Wish<Values>): Problem[] {
  const { id, from, to, all, 'dry-run': dryRun, yes } = values
  const problems: Problem[] = []
  if (from !== null && to !== null && from >= to) problems.push({ what: '--from is not before --to' })
  if (positional === 'show' && id === null)
    problems.push({ what: 'dlq show needs --id', why: '`dlq list` prints them' })
  if (positional === 'replay' && !all && id === null && from === null && to === null)
    problems.push({ what: 'dlq replay needs --id, --from, --to or --all' })
  if (positional !== 'replay' && (all || dryRun || yes))
    problems.push({ what: '--all, --dry-run and --yes are for dlq replay' })
  return problems
}
