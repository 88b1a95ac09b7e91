import type { Dice } from './dice.ts'
import { Server } from './server.ts'
import { TableSet } from './tables.ts'
import type { Owner, World } from './world.ts'
import type { Durability, Rows, Store, Tables } from '../../src/stream/store.ts'

/**
 * The tables, on a server that writes what it acknowledged to its disk every now and then, and loses the rest when it is
 * killed; or, without a period, one whose acknowledgement is enough.
 */
export class SimStore extends Server {
  /** What a reader sees. */
  live: TableSet
  /** What is on the disk. */
  disk: TableSet
  id = 1
  /** Told of every write before it is sent. */
  onWrite: (owner: Owner, rows: Rows) => void = () => {}
  readonly periodMs: number
  #unsynced: Rows[] = []

  readonly #conflict: (message: string) => void

  constructor(world: World, { periodMs, conflict }: { periodMs: number; conflict: (message: string) => void }) {
    super('the store', world)
    this.periodMs = periodMs
    this.#conflict = conflict
    this.live = new TableSet(conflict)
    this.disk = periodMs === 0 ? this.live : new TableSet(conflict)
    if (periodMs > 0) this.#syncLater()
  }

  /** Killed: what was not on the disk is lost. */
  crash(): void {
    this.world.note(() => `the store loses ${this.#unsynced.length} writes`)
    this.#unsynced = []
    this.life++
    if (this.periodMs > 0) this.live = this.disk.clone()
  }

  /** Made anew, empty. */
  wipe(): void {
    this.id++
    this.#unsynced = []
    this.live = new TableSet(this.#conflict)
    this.disk = this.periodMs === 0 ? this.live : this.live.clone()
    this.life++
  }

  open(owner: Owner): Store {
    const durability: Durability = {
      lagMs: () => this.ask(owner, () => 1.5 * this.periodMs + 1_000),
      generation: () => this.ask(owner, () => String(this.life)),
    }
    return {
      durability: this.periodMs === 0 ? null : durability,
      write: (rows) => this.#write(owner, rows),
      restore: (query) => this.ask(owner, () => this.live.restore(query)),
      read: (table, { symbols }) => this.#read(owner, { table, symbols: symbols ?? [] }),
      symbols: () => this.ask(owner, () => [...this.live.latest.keys()].sort()),
      id: () => this.ask(owner, () => String(this.id)),
      prune: async () => {},
      [Symbol.asyncDispose]: async () => {},
    }
  }

  #write(owner: Owner, rows: Rows): Promise<void> {
    this.onWrite(owner, rows)
    const apply = (written: Rows) => {
      this.live.apply(written)
      if (this.periodMs > 0) this.#unsynced.push(written)
    }
    return this.ask(
      owner,
      () => apply(rows),
      // Several requests, of which some arrived; on one disk all or nothing.
      () => apply(this.periodMs === 0 ? rows : someOf(rows, this.world.dice)),
    )
  }

  async *#read<Name extends keyof Tables>(
    owner: Owner,
    { table, symbols }: { table: Name; symbols: readonly string[] },
  ): AsyncIterable<readonly Tables[Name][]> {
    if (table !== 'latest') throw new Error(`nobody reads ${table}`)
    const rows = await this.ask(owner, () => symbols.flatMap((symbol) => this.live.latest.get(symbol) ?? []))
    yield rows as unknown as Tables[Name][]
  }

  #syncLater(): void {
    this.world.after(this.periodMs * (0.7 + 0.8 * this.world.dice.next()), () => {
      for (const rows of this.#unsynced) this.disk.apply(rows)
      this.#unsynced = []
      this.#syncLater()
    })
  }
}

function someOf(rows: Rows, dice: Dice): Rows {
  const some = <Row>(list: readonly Row[]): Row[] => list.filter(() => dice.chance(0.5))
  return {
    ...rows,
    trades: some(rows.trades),
    windows: some(rows.windows),
    candles: some(rows.candles),
    late: some(rows.late),
    rollups: some(rows.rollups),
    gaps: some(rows.gaps),
    latest: some(rows.latest),
  }
}
