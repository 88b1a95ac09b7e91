/** Throws where the executable would hold an older runtime than the one that is tested. */
export function refuseOlderBun(present: string, wanted: string): void {
  if (Bun.semver.order(present, wanted) >= 0) return
  throw new Error(
    [
      `Bun ${present} is too old to build with: ${wanted} or newer is needed`,
      '  why: the executable holds the Bun that builds it, and the project is tested with that one',
      `  try: npm install --global bun@${wanted}`,
    ].join('\n'),
  )
}
