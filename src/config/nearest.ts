/** The known name that a mistyped one most likely means, or null. */
export function nearest(given: string, known: Iterable<string>): string | null {
  const wanted = given.toLowerCase()
  let best: string | null = null
  let least = Math.max(1, Math.floor(wanted.length * 0.4)) + 1
  const parts: string[] = []
  for (const name of known) {
    const far = distance(wanted, name.toLowerCase())
    if (far < least) {
      least = far
      best = name
    }
    if (wanted.length >= 3 && name.toLowerCase().split(/[-_]/).join('-').includes(wanted.split(/[-_]/).join('-')))
      parts.push(name)
  }
  const shortest = parts.sort((a, b) => a.length - b.length)[0]
  return least <= 2 ? best : (shortest ?? best)
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
export function distance(a: string, b: string): number {
  let before: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(at(above, j) + 1, at(row, j - 1) + 1, at(above, j - 1) + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, at(before, j - 2) + 1)
      row.push(cost)
    }
    before = above
    above = row
  }
  return at(above, b.length)
}

const at = (row: readonly number[], index: number): number => row[index] ?? Number.POSITIVE_INFINITY
