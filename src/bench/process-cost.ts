import { readFileSync } from 'node:fs'

/** Linux counts in hundredths of a second, whatever the kernel's own tick is. */
const TICKS_PER_SECOND = 100
/** Of /proc/PID/stat, counted from the state of the process, which follows its name in parentheses. */
const USER = 11
const SYSTEM = 12

/** CPU seconds of all threads so far; NaN where the system does not tell. */
export function cpuSeconds(pid: number): number {
  const fields = read(`/proc/${pid}/stat`)
    .replace(/^.*\)\s*/s, '')
    .split(' ')
  return (Number(fields[USER]) + Number(fields[SYSTEM])) / TICKS_PER_SECOND
}

/** The most memory (bytes) that the process ever had resident; NaN where the system does not tell. */
export const peakMemory = (pid: number): number =>
  Number(/^VmHWM:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1]) * 1_024

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
