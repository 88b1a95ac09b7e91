/** One way to break the engine on purpose: `from` must be in the file exactly once. */
export interface Mutation {
  name: string
  /** The tests that are to notice it, where it is nothing that the simulator can see; else its seeds. */
  test?: string
  changes: readonly { file: string; from: string; to: string }[]
}

const one = (name: string, file: string, from: string, to: string): Mutation => ({
  name,
  changes: [{ file: `src/stream/${file}`, from, to }],
})

const CONFIRM = '    await this.#watch.confirm(this.#stop)\n'

export const MUTATIONS: readonly Mutation[] = [
  one('commit before write', 'committer.ts', '      await acknowledged()\n      if', '      if'),
  {
    name: 'generation read before the lag',
    changes: [
      { file: 'src/stream/committer.ts', from: CONFIRM, to: '' },
      {
        file: 'src/stream/committer.ts',
        from: '      await acknowledged()\n      if',
        to: `      await acknowledged()\n  ${CONFIRM}      if`,
      },
    ],
  },
  one('generation not read', 'committer.ts', CONFIRM, ''),
  one('no lag', 'committer.ts', 'due: this.#options.context.clock.elapsed() + this.#watch.lagMs', 'due: 0'),
  {
    name: 'lag by a clock that can be set',
    test: 'src/stream/committer.test.ts',
    changes: [
      'clock.elapsed() + this.#watch.lagMs',
      'next.due - clock.elapsed()',
      'clock.elapsed()\n    const due',
    ].map((from) => ({ file: 'src/stream/committer.ts', from, to: from.replace('elapsed', 'now') })),
  },
  one(
    'commit on revoke of what is not durable',
    'committer.ts',
    '(one) => one.due <= now',
    '(one) => one.due <= now || this.#hurry.signal.aborted',
  ),
  one('sequence map saved as of P', 'partition.ts', 'this.#sessions.asOf(low,', 'this.#sessions.asOf(this.position,'),
  one('sequence map as of L, and L itself', 'sessions.ts', 'if (offset >= low) break', 'if (offset > low) break'),
  one('sequence map not restored', 'partition.ts', 'new Sessions(committed?.sessions)', 'new Sessions()'),
  one(
    'watermark not restored',
    'recovery.ts',
    'engine.restore(watermark, restored)',
    'engine.restore(Number.NEGATIVE_INFINITY, restored)',
  ),
  one(
    'long candles rolled up from 1 m rows alone',
    'long-candle.ts',
    'for (const print of this.direct) sum.merge(aggregateOf(print))',
    '',
  ),
  one(
    'late prints of long candles not restored',
    'window.ts',
    'for (const row of byPlace) this',
    'for (const row of byPlace.slice(1e9)) this',
  ),
  one(
    'long candles not restored',
    'window.ts',
    'for (const row of inOrder) this',
    'for (const row of inOrder.slice(1e9)) this',
  ),
  one(
    'long candles restored from vwap and volume',
    'aggregate.ts',
    'aggregate.sumPv = row.sum_pv',
    'aggregate.sumPv = (row.sum_pv / row.volume) * row.volume',
  ),
  one('late counted in memory only', 'row-queue.ts', '    for (const row of late) this.#late.push(row)\n', ''),
  one(
    'equal stamps for idle and watermark closes',
    'row.ts',
    '=> start * 1000 + 4 * n + rank',
    '=> start * 1000 + 4 * n + Math.min(rank, 1)',
  ),
  one('stamp without the number of trades', 'row.ts', '=> start * 1000 + 4 * n + rank', '=> start * 1000 + rank'),
  one('dropped fence', 'outlet.ts', '(fence.aborted ? ', '(false ? '),
  one(
    'fence looked at once',
    'outlet.ts',
    'const write = () => (fence.aborted ?',
    'const isTaken = fence.aborted\n    const write = () => (isTaken ?',
  ),
  one(
    'window end: >= to >, late test of 1 s',
    'window.ts',
    'watermark < t - (t % 1000) + 1000',
    'watermark <= t - (t % 1000) + 1000',
  ),
  one(
    'window end: >= to >, hopping late test',
    'symbol-windows.ts',
    'if (watermark >= end) missed',
    'if (watermark > end) missed',
  ),
  one(
    'window end: >= to >, late test of 1 m',
    'symbol-windows.ts',
    'if (watermark < startOf(t, MINUTE) + MINUTE) {',
    'if (watermark <= startOf(t, MINUTE) + MINUTE) {',
  ),
  one(
    'window end: >= to >, late test of long candles',
    'symbol-windows.ts',
    'if (watermark < startOf(t, INTERVAL_MS[interval]) +',
    'if (watermark <= startOf(t, INTERVAL_MS[interval]) +',
  ),
  one(
    'window end: >= to >, closing of 1 s',
    'symbol-windows.ts',
    'second.start + SECOND > watermark',
    'second.start + SECOND >= watermark',
  ),
  one(
    'window end: >= to >, closing of hopping windows',
    'symbol-windows.ts',
    '(end) => end <= watermark',
    '(end) => end < watermark',
  ),
  one(
    'window end: >= to >, closing of 1 m',
    'symbol-windows.ts',
    'minute.start + MINUTE > watermark',
    'minute.start + MINUTE >= watermark',
  ),
  one(
    'window end: >= to >, closing of long candles',
    'symbol-windows.ts',
    'if (end > watermark) break',
    'if (end >= watermark) break',
  ),
  one(
    'window end: >= to >, replay of 1 s',
    'symbol-windows.ts',
    'if (watermark < startOf(t, SECOND) +',
    'if (watermark <= startOf(t, SECOND) +',
  ),
  one(
    'window end: >= to >, panes kept too long',
    'symbol-windows.ts',
    'start + window <= watermark',
    'start + window < watermark',
  ),
  one(
    'window end: >= to >, when anything is due',
    'window.ts',
    'state.nextEnd <= this.#watermark',
    'state.nextEnd < this.#watermark',
  ),
  one(
    'watermark: moved after the own check',
    'window.ts',
    'watermark = this.#watermark = t - delay',
    'this.#watermark = t - delay',
  ),
  one(
    'watermark: moved by what is quarantined',
    'window.ts',
    '      if (t > bound) {',
    '      if (t > bound) {\n        this.#advance(t - delay)',
  ),
  one(
    'watermark: not moved by a seal',
    'window.ts',
    '    if (record.watermark !== null) this.#advance(record.watermark)\n',
    '',
  ),
  one('future: > to >=', 'window.ts', '      if (t > bound) {', '      if (t >= bound) {'),
  one('future: not known on replay', 'window.ts', 'volume === 0 || t > bound || ', 'volume === 0 || '),
  one('repeats: not known on replay', 'window.ts', ' || repeats?.includes(index)', ''),
  one('latest: >= to >', 'window.ts', 'if (t >= latest.t)', 'if (t > latest.t)'),
  one('latest: stored price not read', 'stream.ts', '    await outlet.learnLatest(partition, signal)\n', ''),
  one('sent twice: <= to <', 'sessions.ts', 'mark.k <= last.k', 'mark.k < last.k'),
  one('replay: P counted twice', 'partition.ts', 'record.offset <= this.#rebuildTo', 'record.offset < this.#rebuildTo'),
  one(
    'replay: not silent',
    'partition.ts',
    'const isRebuild = record.offset <= this.#rebuildTo',
    'const isRebuild = false',
  ),
  one(
    'L is P',
    'partition.ts',
    'Math.min(this.engine.lowestOffset() ?? this.position, this.position)',
    'this.position',
  ),
  {
    name: 'open windows not written after a restart',
    test: 'src/stream/stream.test.ts',
    changes: [{ file: 'src/stream/stream.ts', from: '    if (!isLive) partition.engine.goLive()\n', to: '' }],
  },
  {
    name: 'live frames passing the spool',
    test: 'src/ingest/spooled-delivery.test.ts',
    changes: [
      {
        file: 'src/ingest/spooled-delivery.ts',
        from: '      if (this.#isDirect)\n        try {',
        to: '      if (this.#isDirect || own === null)\n        try {',
      },
    ],
  },
  one('another record at P not noticed', 'recovery.ts', 'if (!isSameRecord(', 'if (false && !isSameRecord('),
  one('settings changed, state kept', 'triple.ts', ' || data.fingerprint !== fingerprint', ''),
  one(
    'retention took what is needed, not noticed',
    'recovery.ts',
    'if (triple.low < bounds.start)',
    'if (triple.low < -bounds.start)',
  ),
  one(
    'torn windows behind retention',
    'window.ts',
    'Math.max(t + this.#settings.delay, newest + 1)',
    't + this.#settings.delay',
  ),
  one('dead letters not sent', 'outlet.ts', '    await this.#appendDeadLetters(partition, way.signal)\n', ''),
  one(
    'idle closes without silence',
    'stream.ts',
    'quiet.silentSince(end + windows.delay) >= idle',
    'quiet.silentSince(end) >= 0',
  ),
  one('idle never closes', 'stream.ts', 'if (quiet.silentMs < idle) return', 'if (quiet.silentMs >= 0) return'),
  one('no seal', 'stream.ts', 'quiet.silentMs >= SEAL_AFTER_MS', 'quiet.silentMs < -SEAL_AFTER_MS'),
  one(
    'rows of a row queue: the older state kept',
    'row-queue.ts',
    'before.stamp <= row.stamp',
    'before.stamp > row.stamp',
  ),
  one(
    'a failed write is skipped',
    'retry.ts',
    'if (!error.retryable && !error.mendable) throw error',
    'return undefined as Result',
  ),
]
