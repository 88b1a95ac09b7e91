import { needsStore, ROLES, type Settings } from '../config.ts'
import type { Problem } from '../config/problems.ts'
import { limitHeap } from '../heap-limit.ts'
import { configuredCommand } from './command.ts'

export const runCommand = configuredCommand({
  name: 'run',
  describe: 'Run the pipeline, or some of its roles (also without a command)',
  examples: [
    ['stockpipe', 'everything in one process, with simulated prices until a token is set'],
    ['stockpipe run --symbols AAPL,MSFT --finnhub-token-file token.txt', 'real trades'],
    ['stockpipe run --replay-file day.ndjson --replay-speed max --exit-at-end', 'a recording'],
  ],
  local: {},
  obstacles,
  async run({ settings, origins, secrets }) {
    // All roles in one process, on a machine of one's own: memory is there to be used.
    if (settings.role.length < ROLES.length) limitHeap()
    const { runPipeline } = await import('../run.ts')
    return runPipeline(settings, { origins, secrets })
  },
})

function obstacles({ settings }: { settings: Settings }): Problem[] {
  const { broker, store, role, feed } = settings
  const problems: Problem[] = []
  // A producer has nothing to do with the store.
  const embedded = [
    ...(broker === 'embedded' ? ['log'] : []),
    ...(store === 'embedded' && needsStore(settings) ? ['store'] : []),
  ]
  if (role.length < ROLES.length && embedded.length > 0)
    problems.push({
      what: `the role ${role.join(', ')} cannot run alone on the embedded ${embedded.join(' and ')}`,
      why: 'it is a file of one process, which the other roles could not reach; --role all runs them together',
    })
  if (feed === 'replay' && settings.replayFile === null && role.includes('producer'))
    problems.push({ what: '--feed replay needs --replay-file', why: 'there is nothing to replay' })
  if (
    feed === 'finnhub' &&
    settings.finnhubToken === null &&
    isFinnhub(settings.finnhubUrl) &&
    role.includes('producer')
  )
    problems.push({
      what: '--feed finnhub needs a token',
      why: 'set STOCKPIPE_FINNHUB_TOKEN or --finnhub-token-file; without --feed the market is simulated',
    })
  if (settings.exitAtEnd && (feed !== 'replay' || !role.includes('producer')))
    problems.push({ what: '--exit-at-end needs a replay', why: 'a live feed has no end; set --replay-file' })
  return problems
}

const isFinnhub = (url: string): boolean => new URL(url).hostname.endsWith('finnhub.io')
