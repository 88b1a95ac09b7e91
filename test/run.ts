/**
 * `npm test`: formatting, lint, types, then every test, with the compiled executable built once for those that run it.
 * Stops at the first step that fails.
 */

const STEPS: readonly (readonly [string, readonly string[]])[] = [
  ['format', ['oxfmt', '--check', '.']],
  ['lint', ['oxlint', '--type-aware', '--deny-warnings']],
  ['types', ['tsc']],
  ['build', ['bun', 'build.ts', '--single']],
  // The limit of a test is for what hangs, not for a machine that is busy.
  ['tests', ['bun', 'test', '--parallel=2', '--timeout=30000', ...process.argv.slice(2)]],
]

for (const [name, command] of STEPS) {
  const startedAt = performance.now()
  process.stdout.write(`\n── ${name}: ${command.join(' ')}\n`)
  const { exitCode } = Bun.spawnSync([...command], { stdio: ['ignore', 'inherit', 'inherit'] })
  process.stdout.write(
    `── ${name}: ${exitCode === 0 ? 'ok' : 'FAILED'} in ${((performance.now() - startedAt) / 1000).toFixed(1)} s\n`,
  )
  if (exitCode !== 0) process.exit(1)
}
