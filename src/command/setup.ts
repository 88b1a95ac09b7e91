import { address } from '../config/address.ts'
import { duration } from '../config/measure.ts'
import type { Problem } from '../config/problems.ts'
import { integer, path, text } from '../config/value.ts'
import { configuredCommand, local, type LocalValues, type Wish } from './command.ts'

const LOCAL = {
  timeout: local(
    duration({ min: 1_000, max: 3_600_000 }),
    600_000,
    'How long to wait, for servers that start and for trades',
  ),
  nodes: local(
    integer({ min: 1, max: 1_000 }),
    1,
    'Brokers or nodes that must be up, before anything is made; probe: brokers, at its end',
  ),
  'superuser-login': local(path, null, 'schema: folder with the files username and password of the superuser to make'),
  'writer-login': local(path, null, 'schema: the same, of processors'),
  'reader-login': local(path, null, 'schema: the same, of the api and of verify'),
  'grafana-login': local(path, null, 'schema: the same, of Grafana'),
  api: local(address('http', 'https'), null, 'probe: the API that must answer with the trades'),
  symbol: local(text('a symbol'), 'STOCKPIPE:TEST', 'probe: the symbol of the test trades'),
}
type Values = LocalValues<typeof LOCAL>

const STEPS = ['topics', 'schema', 'probe'] as const
const LOGINS = ['superuser-login', 'writer-login', 'reader-login', 'grafana-login'] as const

export const setupCommand = configuredCommand({
  name: 'setup',
  describe:
    'Prepare Kafka and Cassandra for roles that may not do it themselves, and try the whole way with test trades',
  examples: [
    ['stockpipe setup topics --kafka-brokers kafka:9092', 'makes the topics that are missing'],
    [
      'stockpipe setup schema --cassandra-contact-points cassandra --superuser-login /secrets/superuser',
      'closes the login that Cassandra ships with, makes keyspace and tables',
    ],
    [
      'stockpipe setup probe --api http://stockpipe-api:8080',
      'sends test trades; exit 1 names the stage they do not reach',
    ],
  ],
  positional: { name: 'step', describe: 'What to do', choices: STEPS, isRequired: true },
  local: LOCAL,
  obstacles,
  async run({ settings, values, positional, ...call }) {
    const { setUp } = await import('./setup/run-setup.ts')
    return setUp(positional as (typeof STEPS)[number], { settings, values, ...call })
  },
})

function obstacles({ settings, values, positional }: Wish<Values>): Problem[] {
  const problems: Problem[] = []
  const isFor = (step: (typeof STEPS)[number]) => positional === step
  if (!isFor('schema') && settings.broker !== 'kafka')
    problems.push({ what: `setup ${positional ?? ''} needs --kafka-brokers` })
  if (!isFor('topics') && settings.store !== 'cassandra')
    problems.push({ what: `setup ${positional ?? ''} needs --cassandra-contact-points` })
  const given = LOGINS.filter((name) => values[name] !== null)
  if (given.length > 0 && !isFor('schema')) problems.push({ what: `--${given.join(', --')}: for setup schema` })
  if (given.length > 0 && isFor('schema') && values['superuser-login'] === null)
    problems.push({ what: `--${given.join(', --')} needs --superuser-login`, why: 'only a superuser makes logins' })
  if (values.api !== null && !isFor('probe')) problems.push({ what: '--api is for setup probe' })
  return problems
}
