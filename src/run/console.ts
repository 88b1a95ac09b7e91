import type { Pipeline } from './pipeline.ts'
import { printSize, ROLES, type Settings } from '../config.ts'
import { progressLine, statusLine } from '../status-line.ts'
import { buildInfo } from '../version.ts'

const REFRESH_MS = 500

/** Says what runs and where; on a terminal one line below then tells how it goes, until disposed of. */
export function startConsole(pipeline: Pipeline): Disposable {
  const { terminal, context, http, feed } = pipeline
  const startedAt = context.clock.now()
  if (terminal.isTty) terminal.print(banner(pipeline))
  else context.log.info('run.started', facts(pipeline))
  if (feed?.replay?.status === 'finished')
    terminal.print('This recording is in the log already: nothing is added. --replay-again appends it once more.')
  else if (feed?.replay?.status === 'resumed') terminal.print('This replay was interrupted: it goes on where it was.')
  const ended = new AbortController()
  void refresh(pipeline, startedAt, ended.signal)
  return {
    [Symbol.dispose]() {
      ended.abort()
      terminal.status('')
      if (terminal.isTty)
        terminal.print(
          `stopped; ${pipeline.stats.snapshot().trades_stored.toLocaleString('en')} trades stored since the start`,
        )
      else context.log.info('run.stopped', { url: http.url, ...pipeline.stats.snapshot() })
    },
  }
}

async function refresh(
  { terminal, context, stats, feed }: Pipeline,
  startedAt: number,
  signal: AbortSignal,
): Promise<void> {
  while (terminal.isTty && !signal.aborted) {
    const { clock, health } = context
    const trouble = health
      .report()
      .flatMap(({ ready, reason }) => (reason === null ? [] : [`${ready ? 'WARNING' : 'NOT READY'}: ${reason}`]))
    const progress = feed?.replay?.progress()
    const isReplaying = progress !== undefined && progress.bytes < (progress.totalBytes ?? Number.POSITIVE_INFINITY)
    const replay = isReplaying ? `${progressLine(progress, clock.now() - startedAt)} · ` : ''
    terminal.status(`${replay}${statusLine(stats.snapshot(), trouble)}`)
    await clock.sleep(REFRESH_MS, signal)
  }
}

function facts({ settings, origin, dataDir, http, feed }: Pipeline) {
  const { version, commit } = buildInfo()
  return {
    version,
    commit,
    roles: settings.role,
    ...(feed === null ? {} : { origin: origin.current, feed: feed.describe, symbols: settings.symbols }),
    ...(dataDir === null ? {} : { data: dataDir }),
    ...(settings.broker === 'kafka' ? { kafka: settings.kafkaBrokers, topic: settings.kafkaTopic } : {}),
    ...(settings.store === 'cassandra'
      ? { cassandra: settings.cassandraContactPoints, keyspace: settings.cassandraKeyspace }
      : {}),
    url: http.url,
  }
}

function banner(pipeline: Pipeline): string {
  const { settings, origin, dataDir, http, feed } = pipeline
  const { version } = buildInfo()
  const rows: [string, string][] = [
    ...(settings.role.length < ROLES.length ? [['roles', settings.role.join(', ')] satisfies [string, string]] : []),
    ...(feed === null ? [] : feedRows(settings, `${origin.current ?? ''} (${feed.describe})`)),
    ...placeRows(settings, dataDir),
    [settings.role.includes('api') ? 'page' : 'http', http.url],
    ...sshHint(http.url),
  ]
  return [
    `stockpipe ${version}`,
    ...rows.map(([name, text]) => `  ${name.padEnd(9)} ${text}`),
    '  Ctrl-C stops; the next start goes on from here.',
  ].join('\n')
}

const feedRows = ({ feed, symbols }: Settings, prices: string): [string, string][] => [
  ['prices', prices],
  ...(feed === 'replay' ? [] : [['symbols', symbols.join(', ')] satisfies [string, string]]),
]

/** Where log and rows are. */
function placeRows(settings: Settings, dataDir: string | null): [string, string][] {
  const { broker, store, kafkaBrokers, kafkaTopic, cassandraContactPoints, cassandraKeyspace } = settings
  const limit = settings.retentionLogSize === null ? 'unlimited' : printSize(settings.retentionLogSize)
  const data: [string, string][] = dataDir === null ? [] : [['data', `${dataDir} (log up to ${limit})`]]
  return [
    ...(broker === 'embedded' || store === 'embedded' ? data : []),
    ...(broker === 'kafka'
      ? [['kafka', `${kafkaBrokers?.join(', ') ?? ''} (topic ${kafkaTopic})`] satisfies [string, string]]
      : []),
    ...(store === 'cassandra'
      ? [
          ['cassandra', `${cassandraContactPoints?.join(', ') ?? ''} (keyspace ${cassandraKeyspace})`] satisfies [
            string,
            string,
          ],
        ]
      : []),
  ]
}

/** Over SSH the page is on the other machine: say how to see it. */
function sshHint(url: string): [string, string][] {
  if (process.env['SSH_CONNECTION'] === undefined) return []
  const { port, hostname } = new URL(url)
  const host = process.env['SSH_CONNECTION'].split(' ')[2] ?? 'this-machine'
  return [['ssh', `ssh -L ${port}:${hostname}:${port} ${host}   (on your own machine, then open the page there)`]]
}
