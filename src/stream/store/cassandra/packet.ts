import type { Statement } from './session.ts'

/**
 * Bytes of rows in one request, as the server counts them. It refuses a batch above 50 KiB, and takes more time for
 * a row the smaller the batch; above this the gain is small and a slow node would hold much at once.
 */
export const PACKET_BYTES = 16_384

/** What a row costs besides its values, and what each of its cells does. */
export const ROW_BYTES = 40
export const CELL_BYTES = 16

/** Rows of one Cassandra partition that go in one request. */
export type Packet = readonly Statement[]

/** Gathers rows of one Cassandra partition. `add` gives the packet that is full without the new row, if there is one. */
export class Packing {
  #statements: Statement[] = []
  #bytes = 0

  add(statement: Statement, bytes: number): Packet | null {
    const full = this.#bytes > 0 && this.#bytes + bytes > PACKET_BYTES ? this.take() : null
    this.#statements.push(statement)
    this.#bytes += bytes
    return full
  }

  /** What is left. */
  take(): Packet {
    const packet = this.#statements
    this.#statements = []
    this.#bytes = 0
    return packet
  }
}
