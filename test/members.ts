import { type Running, until } from './running.ts'

const partitionsOf = (process: Running): readonly number[] =>
  (process.named('log.joined').at(-1)?.['partitions'] ?? []) as number[]

/** Waits until all of so many partitions are shared by all of these. */
export const share = (partitions: number, ...processes: readonly Running[]): Promise<unknown> =>
  until(
    () => processes.map(partitionsOf),
    (shares) => shares.every((share) => share.length > 0) && shares.flat().length === partitions,
  )
