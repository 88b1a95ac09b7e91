/** Whether a panel prints a number as it is. */
import type { FieldConfig } from '../../src/deploy/grafana/dashboard.ts'

/** What is a price or an amount. */
const EXACT = /^(?:price|volume|vwap|mean_\w+|open|high|low|close|change\w*)$/

/** Whether a column is one of them, and Grafana would print three digits or so of it. */
export const isRounded = (name: string, config?: FieldConfig): boolean => EXACT.test(name) && !hasDigits(name, config)

function hasDigits(name: string, { defaults = {}, overrides = [] }: FieldConfig = {}): boolean {
  if (defaults.unit !== undefined || defaults.decimals !== undefined) return true
  return overrides.some(
    ({ matcher, properties }) =>
      matches(matcher, name) && properties.some(({ id }) => id === 'unit' || id === 'decimals'),
  )
}

/** `byRegexp` has the slashes in its text. */
const matches = ({ id, options }: { id: string; options?: unknown }, name: string): boolean =>
  id === 'byName'
    ? options === name
    : id === 'byRegexp' && new RegExp(String(options).replaceAll(/^\/|\/$/g, '')).test(name)
