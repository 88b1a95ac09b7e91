import type { Clock } from '../../clock.ts'
import { fail, ok, reason, warn, type Finding } from '../../finding.ts'

const PATIENCE_MS = 3_000
/** A Date header counts whole seconds, so that less cannot be told from none. */
const NOTICEABLE_MS = 1_500

/** Compares this clock with the provider's, by the Date of an HTTPS answer. */
export async function checkClock(feedUrl: string, limit: number, clock: Clock): Promise<Finding> {
  const url = feedUrl.replace(/^ws/, 'http')
  const before = clock.now()
  try {
    const answer = await fetch(url, { method: 'HEAD', redirect: 'manual', signal: AbortSignal.timeout(PATIENCE_MS) })
    const date = Date.parse(answer.headers.get('date') ?? '')
    if (Number.isNaN(date))
      return warn('clock', `not checked: ${new URL(url).host} tells no time`, 'timedatectl status')
    // The header's second has half passed on average, and the answer was made half way.
    return judge(date + 500 - (before + clock.now()) / 2, limit)
  } catch (error) {
    return warn('clock', `not checked: no network (${new URL(url).host}: ${reason(error)})`, 'timedatectl status')
  }
}

function judge(offset: number, limit: number): Finding {
  const seconds = `${Math.abs(offset / 1_000).toFixed(1)} s`
  if (Math.abs(offset) < NOTICEABLE_MS) return ok('clock', 'agrees with the provider to about a second')
  const words = `${seconds} ${offset > 0 ? 'behind' : 'ahead of'} the provider`
  const fix = 'turn on time synchronisation (timedatectl set-ntp true)'
  return Math.abs(offset) >= limit ? fail('clock', words, fix) : warn('clock', words, fix)
}
