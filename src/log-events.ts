/** The closed list of what is logged. Its names are stable: people search and alert by them. `docs/logs.md` is made from it. */
export const LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type Level = (typeof LEVELS)[number]

interface Event {
  /** Several where it depends on the cause. */
  level: Level | readonly Level[]
  /** When it is logged, in words for whoever reads it. */
  means: string
}

const RETRYING = ['warn', 'error'] as const

/** By component, which is the part of the name before the dot. */
export const EVENTS = {
  'cassandra.driver': { level: 'debug', means: 'The driver warns of something, in its own words' },
  'cassandra.durability_unknown': {
    level: 'warn',
    means: 'The login may not see when a write is safe; the pause of the default settings is assumed',
  },
  'cassandra.migrated': { level: 'info', means: 'The tables were brought to a newer version' },
  'cassandra.reconnecting': { level: 'debug', means: 'The connections to the nodes are made anew' },
  'cassandra.roles_left_out': {
    level: 'info',
    means: 'The login may not grant rights to the roles; somebody else has to',
  },
  'cassandra.shutdown': { level: 'debug', means: 'Former connections ended with an error, which harms nothing' },
  'clock.fine': { level: 'info', means: 'Trades no longer lie in the future of this clock' },
  'clock.off': { level: 'warn', means: 'Trades lie in the future of this clock: one of the clocks is wrong' },
  'clocks.agree': { level: 'info', means: 'The clocks of producer, log, processor and api agree again' },
  'clocks.differ': { level: 'warn', means: 'Times that two machines gave to one trade contradict each other' },
  'feed.clock_fine': { level: 'info', means: 'The clock of this machine agrees with that of the feed again' },
  'feed.clock_off': { level: 'warn', means: 'The clock of this machine differs from that of the feed' },
  'feed.closed': { level: 'info', means: 'No trades, and the market is closed by its calendar' },
  'feed.copies_changed': {
    level: 'warn',
    means: 'The feed delivers the trades of a symbol more or less often than before',
  },
  'feed.copies_guessed': { level: 'info', means: 'How often the feed delivers each trade had to be guessed' },
  'feed.error_frame': { level: 'warn', means: 'The feed sent an error in place of trades' },
  'feed.gap': { level: 'warn', means: 'A stretch that was not seen has ended, and is recorded as a gap' },
  'feed.loss.begin': { level: 'error', means: 'Frames come faster than they are taken: some are lost from now on' },
  'feed.loss.end': { level: 'error', means: 'Frames were lost, with how many and from when to when' },
  'feed.lost': { level: 'warn', means: 'A connection ended or could not be made; the next try is scheduled' },
  'feed.open': { level: 'info', means: 'A connection to the feed is open' },
  'feed.quiet': { level: 'info', means: 'No trades, though the connection lives' },
  'grafana_live.failing': { level: 'warn', means: 'Grafana does not take pushes; tried again until it does' },
  'grafana_live.recovered': { level: 'info', means: 'Grafana takes pushes again' },
  'http.failed': { level: 'error', means: 'A request could not be answered because of an error on this side' },
  'kafka.append_retried': { level: 'debug', means: 'Records were not taken and are sent again' },
  'kafka.client': { level: 'debug', means: 'The client of Kafka says something, in its own words' },
  'kafka.producer_anew': { level: 'warn', means: 'The brokers forgot the sequence of a partition: a new one begins' },
  'lag.known': { level: 'info', means: 'How far processors are behind can be told again' },
  'lag.unknown': {
    level: 'warn',
    means: 'How far processors are behind cannot be told: the login may not see what they committed',
  },
  'live.followed_anew': { level: 'warn', means: 'A topic of live rows could not be read on and is read anew' },
  'live.recovered': { level: 'info', means: 'Live rows pass the log again' },
  'live.retrying': { level: RETRYING, means: 'Live rows do not pass the log; tried again until they do' },
  'log.handing_over': { level: 'info', means: 'Partitions are handed over to other members of the group' },
  'log.joined': { level: 'info', means: 'A member of the group now, with these partitions' },
  'log.made_anew': { level: 'warn', means: 'The file of the log is gone and was made anew' },
  'log.ownership_lost': { level: 'warn', means: 'No longer a member of the group: others take over' },
  'log.records_gone': { level: 'warn', means: 'Records were removed by retention before they were read' },
  'log.recovered': { level: 'info', means: 'The log answers again' },
  'log.retention': { level: 'debug', means: 'Old records were removed from the embedded log' },
  'log.retention_failed': { level: 'warn', means: 'Old records could not be removed; tried again later' },
  'log.retrying': { level: RETRYING, means: 'The log does not do what it is asked; tried again until it does' },
  'processor.gap': { level: 'warn', means: 'Gaps were stored' },
  'processor.log_changed': { level: 'warn', means: 'The log is another one: a partition starts from its last commit' },
  'processor.misplaced': {
    level: 'warn',
    means: 'Another producer writes a symbol into several partitions: no window sees all of its trades',
  },
  'processor.seal': {
    level: 'info',
    means: 'A partition was silent for long: its last windows are closed for every reader',
  },
  'processor.sessions_left_out': {
    level: 'warn',
    means: 'More producers than a commit can remember: records that one of them sent twice may pass',
  },
  'processor.stalled': { level: 'error', means: 'A processor does not move, and ends if that lasts' },
  'processor.stands_still': { level: 'error', means: 'Too much of a partition cannot be read: it waits for somebody' },
  'processor.start_over': {
    level: 'warn',
    means: 'What was committed cannot be used: a partition is read from its beginning',
  },
  'processor.stopped_uncommitted': {
    level: 'warn',
    means: 'Told to stop while a server is away; the next start does it again',
  },
  'processor.store_restarted': { level: 'warn', means: 'A node began anew: a partition starts from its last commit' },
  'recovery.recovered': { level: 'info', means: 'The state of a partition could be restored' },
  'recovery.retrying': {
    level: RETRYING,
    means: 'The state of a partition cannot be restored; tried again until it can',
  },
  'registry.recovered': { level: 'info', means: 'The schema registry answers again' },
  'registry.retrying': { level: RETRYING, means: 'The schema registry does not answer; tried again until it does' },
  'replay.bad_line': { level: 'warn', means: 'A line of the recording cannot be read' },
  'replay.bad_lines': { level: 'warn', means: 'How many lines of the recording could not be read, at its end' },
  'replay.state_not_saved': { level: 'warn', means: 'How far the replay got could not be written down' },
  'replay.stdin': { level: 'info', means: 'A recording is read from stdin' },
  'run.started': { level: 'info', means: 'The process runs, with its roles, places and address' },
  'run.stop_timeout': { level: 'error', means: 'A task did not stop in time and was left' },
  'run.stopped': { level: 'info', means: 'The process ends, with what it did' },
  'simulator.client.slow': { level: 'warn', means: 'A client reads too slowly and was disconnected' },
  'simulator.close': { level: 'debug', means: 'A client has gone' },
  'simulator.failed': { level: 'error', means: 'A connection of the simulator failed' },
  'simulator.open': { level: 'debug', means: 'A client has come' },
  'simulator.truth.lost': { level: 'error', means: 'What is sent cannot be written to the file of --truth' },
  'spool.began': { level: 'warn', means: 'The log does not take frames: they wait on disk' },
  'spool.damaged': { level: 'error', means: 'The file of the spool is damaged and was put aside' },
  'spool.drained': { level: 'info', means: 'All that waited on disk is in the log' },
  'spool.found': { level: 'warn', means: 'Records of a former run wait on disk' },
  'spool.kept': { level: 'warn', means: 'The process ends while records wait on disk' },
  'spool.not_removed': {
    level: 'debug',
    means: 'What was sent could not be removed from the disk, which harms nothing',
  },
  'spool.recovered': { level: 'info', means: 'Frames can be kept on disk again' },
  'spool.retrying': { level: RETRYING, means: 'Frames cannot be kept on disk; tried again until they can' },
  'spool.too_old': { level: 'error', means: 'Records waited too long and are not sent; their time is a gap' },
  'spool.unavailable': { level: 'error', means: 'There is no spool: frames wait in memory only' },
  'store.made_anew': {
    level: 'warn',
    means: 'The rows were made by other settings: a new store begins, the former one is kept aside',
  },
  'store.prune_failed': { level: 'warn', means: 'Old rows could not be removed; tried again later' },
  'store.pruned': { level: 'info', means: 'Old rows were removed from the embedded store' },
  'store.recovered': { level: 'info', means: 'The store answers again' },
  'store.retrying': { level: RETRYING, means: 'The store does not do what it is asked; tried again until it does' },
  'stream.subscribe_failed': { level: 'warn', means: 'A listener could not be given what it asked for' },
  'symbols.not_checked': { level: 'warn', means: 'The provider could not be asked which symbols it has' },
  'symbols.valid': { level: 'info', means: 'The provider has every symbol' },
  'trades.late': {
    level: 'warn',
    means: 'Many trades of a symbol come too late for their windows: its venue is delayed',
  },
  'trades.punctual': { level: 'info', means: 'The trades of that symbol come in time again' },
} as const satisfies Readonly<Record<`${string}.${string}`, Event>>

export type EventName = keyof typeof EVENTS
type LevelOf<Name extends EventName> = (typeof EVENTS)[Name]['level']
/** The events of one level. */
export type EventAt<L extends Level> = {
  [Name in EventName]: L extends (LevelOf<Name> extends readonly (infer Each)[] ? Each : LevelOf<Name>) ? Name : never
}[EventName]

/** What somebody waits for: `X.retrying` and `X.recovered` tell of it. */
export type Component = EventName extends infer Name ? (Name extends `${infer Of}.retrying` ? Of : never) : never

/** A line that travels as data: its event is one of its level. */
export type Told = { [L in Level]: { level: L; event: EventAt<L> } }[Level]

export const componentOf = (event: EventName): string => event.slice(0, event.indexOf('.'))
