/** Amounts as Kubernetes writes them: `250m` processors, `1536Mi` bytes. */
import { StockpipeError } from '../errors.ts'

const FACTORS: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
}

/** The number in base units (processors, bytes). Throws `invalid` for what is no quantity. */
export function parseQuantity(text: string): number {
  const [, digits, unit = ''] = /^(\d+(?:\.\d*)?(?:e\d+)?)([a-zA-Z]*)$/.exec(text.trim()) ?? []
  const factor = Object.hasOwn(FACTORS, unit) ? FACTORS[unit] : undefined
  if (digits === undefined || factor === undefined)
    throw new StockpipeError('invalid', `${JSON.stringify(text)} is no Kubernetes quantity`, {
      hint: 'write it like 500m, 2, 1536Mi or 2Gi',
    })
  return Number(digits) * factor
}

/** `1.3 GiB` */
export const bytesWords = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`
/** `1.5 CPUs` */
export const cpuWords = (cpus: number): string => `${Number(cpus.toFixed(2))} CPUs`
