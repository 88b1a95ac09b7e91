import type { OutputFormat } from './command.ts'

/** Data as JSON or YAML, with a line break at its end. */
export const structured = (format: Exclude<OutputFormat, 'text'>, value: unknown): string =>
  `${format === 'json' ? JSON.stringify(value, null, 2) : Bun.YAML.stringify(value, null, 2)}\n`
