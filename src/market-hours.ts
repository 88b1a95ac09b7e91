import calendar from './market-hours.json' with { type: 'json' }

const PRE_MARKET = '04:00'
const POST_MARKET = '20:00'
const POST_AFTER_HALF_DAY = '17:00'

const newYork = new Intl.DateTimeFormat('en-CA', {
  timeZone: calendar.timezone,
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  weekday: 'short',
  hourCycle: 'h23',
})

/** Whether US stocks trade at that moment, extended hours included; null for a day outside the known calendar. */
export function isMarketOpen(ts: number): boolean | null {
  const parts = Object.fromEntries(newYork.formatToParts(ts).map(({ type, value }) => [type, value]))
  const date = `${parts['year']}-${parts['month']}-${parts['day']}`
  const time = `${parts['hour']}:${parts['minute']}`
  if (date < calendar.from || date > calendar.to) return null
  if (parts['weekday'] === 'Sat' || parts['weekday'] === 'Sun' || calendar.holidays.includes(date)) return false
  const close = date in calendar.halfDays ? POST_AFTER_HALF_DAY : POST_MARKET
  return time >= PRE_MARKET && time < close
}

/** US stocks have no venue in front; others trade around the clock or by calendars that are not known here. */
export const isUsStock = (symbol: string): boolean => !symbol.includes(':')
