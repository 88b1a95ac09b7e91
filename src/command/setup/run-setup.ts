import { systemClock } from '../../clock.ts'
import type { Settings } from '../../config.ts'
import { schemaIdFor } from '../../run/schema-id.ts'
import { cassandraOptions, kafkaOptions } from '../../servers.ts'
import { copiesInStep } from '../../setup/copies.ts'
import { readLogin } from '../../setup/login.ts'
import type { Outcome } from '../../setup/outcome.ts'
import { patienceFor, type Patience } from '../../setup/patience.ts'
import { probe } from '../../setup/probe.ts'
import { setUpSchema } from '../../setup/set-up-schema.ts'
import { setUpTopics, type TopicsOptions } from '../../setup/set-up-topics.ts'
import { KafkaBroker } from '../../stream/broker/kafka.ts'
import { openCassandraStore } from '../../stream/store/cassandra.ts'
import type { Secrets } from '../../secrets.ts'
import { createMetrics, Health, silentLog } from '../../telemetry.ts'
import { interrupted } from '../interrupt.ts'

interface Values {
  timeout: number
  nodes: number
  'superuser-login': string | null
  'writer-login': string | null
  'reader-login': string | null
  'grafana-login': string | null
  api: string | null
  symbol: string
}

export interface SetupCall {
  settings: Settings
  values: Values
  print: (text: string) => Promise<void>
  secrets: Secrets
}

const steps = { topics, schema, probe: tryAll }
const around = { clock: systemClock, log: silentLog, health: new Health() }

/** Resolves to the exit code. */
export async function setUp(step: keyof typeof steps, call: SetupCall): Promise<number> {
  using stop = interrupted()
  const say = (line: string): void => void call.print(call.secrets.hide(`${line}\n`))
  const patience = patienceFor(call.values.timeout, { clock: systemClock, signal: stop.signal, say })
  const outcome = await steps[step](call, patience)
  if (stop.signal.aborted) return 1
  if (outcome === 'complete') await call.print('nothing to do: everything is as it should be\n')
  return 0
}

function topics({ settings, values }: SetupCall, patience: Patience): Promise<Outcome> {
  return setUpTopics(topicsOf({ settings, values }), patience)
}

function topicsOf({ settings, values }: Pick<SetupCall, 'settings' | 'values'>): TopicsOptions {
  const { kafkaTopic: topic, partitions, retentionLog, retentionLogSize } = settings
  const retention = { ms: retentionLog, bytes: retentionLogSize }
  return { topic, partitions, retention, kafka: kafkaOptions(settings, around), brokers: values.nodes }
}

async function schema({ settings, values, secrets }: SetupCall, patience: Patience): Promise<Outcome> {
  const login = (folder: string | null) => {
    if (folder === null) return null
    const read = readLogin(folder)
    secrets.add(read.password)
    return read
  }
  const wanted = {
    writer: login(values['writer-login']),
    reader: login(values['reader-login']),
    grafana: login(values['grafana-login']),
  }
  const logins = Object.fromEntries(
    Object.entries(wanted).flatMap(([name, one]) => (one === null ? [] : [[name, one]])),
  )
  const isChanged = await setUpSchema(
    {
      cassandra: cassandraOptions(settings, around, { migrate: true }),
      superuser: login(values['superuser-login']),
      logins,
      nodes: values.nodes,
    },
    patience,
  )
  return isChanged ? 'changed' : 'complete'
}

async function tryAll({ settings, values }: SetupCall, patience: Patience): Promise<Outcome> {
  const { kafkaTopic: topic, avroFraming: framing, apiToken: token } = settings
  const context = { ...around, metrics: createMetrics() }
  const schemaId = await schemaIdFor(settings, context, patience.signal)
  await using broker = new KafkaBroker(kafkaOptions(settings, around))
  await using store = await openCassandraStore(cassandraOptions(settings, around, { migrate: false }))
  const api = values.api === null ? null : { url: values.api, token }
  const copies = () => copiesInStep(topicsOf({ settings, values }))
  await probe({ broker, store, topic, symbol: values.symbol, framing, schemaId, api, copies }, patience)
  return 'changed'
}
