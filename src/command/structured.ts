import type { OutputFormat, PlainCall } from './command.ts'

/** Data as JSON or YAML, with a line break at its end. */
export const structured = (format: Exclude<OutputFormat, 'text'>, value: unknown): string =>
  `${format === 'json' ? JSON.stringify(value, null, 2) : Bun.YAML.stringify(value, null, 2)}\n`

type Told = (text: string) => Promise<void>

/** Prints what is said to people on the way: not among the data, where a program reads these. */
export const onTheWay = (
  format: OutputFormat,
  { print, secrets }: Pick<PlainCall<unknown>, 'print' | 'secrets'>,
): Told => (format === 'text' ? print : (text) => Promise.resolve(void process.stderr.write(secrets.hide(text))))
