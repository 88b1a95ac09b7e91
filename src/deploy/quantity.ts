/** Amounts as Kubernetes writes them. */
const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
}

/** Bytes or processors; NaN for what is no quantity. */
export function amountOf(quantity: string): number {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)(m|[kMGT]|[KMGT]i)?$/.exec(quantity) ?? []
  return digits === undefined ? Number.NaN : Number(digits) * (UNITS[unit] ?? Number.NaN)
}

/** Bytes of a Java heap like `512m` or `4G`; NaN for anything else. */
export function heapOf(text: string): number {
  const [, digits, unit] = /^(\d+)([mMgG])$/.exec(text) ?? []
  return Number(digits) * (unit?.toLowerCase() === 'g' ? 2 ** 30 : 2 ** 20)
}

/** `1.5Gi`, `250Mi`. */
export const printBytes = (bytes: number): string => {
  const [unit, size] = bytes >= 2 ** 30 ? (['Gi', 2 ** 30] as const) : (['Mi', 2 ** 20] as const)
  return `${Number((bytes / size).toFixed(2))}${unit}`
}
