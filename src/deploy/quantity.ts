/** Amounts as Kubernetes writes them: `250m` processors, `1536Mi` bytes. */
import { StockpipeError } from '../errors.ts'

const UNITS: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
}

/** Bytes or processors; NaN for what is no quantity. */
export function amountOf(quantity: string): number {
  const [, digits, power, unit = ''] =
    /^(\d+(?:\.\d+)?)(?:[eE]([+-]?\d+)|([numkMGTPE]|[KMGTPE]i))?$/.exec(quantity) ?? []
  if (digits === undefined) return Number.NaN
  return power === undefined ? Number(digits) * (UNITS[unit] ?? Number.NaN) : Number(`${digits}e${power}`)
}

/** The same. Throws `invalid` for what is no quantity. */
export function parseQuantity(quantity: string): number {
  const amount = amountOf(quantity.trim())
  if (!Number.isNaN(amount)) return amount
  throw new StockpipeError('invalid', `${JSON.stringify(quantity)} is no Kubernetes quantity`, {
    hint: 'write it like 500m, 2, 1536Mi or 2Gi',
  })
}

/** Whether there is as much as is wanted: sums of tenths are a hair off. */
export const isEnough = (there: number, wanted: number): boolean => there >= wanted - 1e-6

/** Bytes of a Java heap like `512m` or `4G`; NaN for anything else. */
export function heapOf(text: string): number {
  const [, digits, unit] = /^(\d+)([mMgG])$/.exec(text) ?? []
  return Number(digits) * (unit?.toLowerCase() === 'g' ? 2 ** 30 : 2 ** 20)
}

/** `1.3 GiB` */
export const bytesWords = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`
/** `1.5 CPUs` */
export const cpuWords = (cpus: number): string => `${Number(cpus.toFixed(2))} CPUs`
