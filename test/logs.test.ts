import { expect, test } from 'bun:test'

import { LOGS, withEvents } from './events-table.ts'

test('the events in the manual are those of the program (bun test/events-table.ts renews them)', async () => {
  const page = await Bun.file(LOGS).text()
  expect(page).toContain('<!-- events -->')
  expect(withEvents(page)).toBe(page)
})
