import type { Settings } from '../../config.ts'
import { fail, ok, warn, type Finding } from '../../finding.ts'

/** Whether there is a token and whether it looks like one. Only Finnhub knows whether it is valid. */
export function checkToken({ finnhubToken, feed }: Settings): Finding {
  const how = 'set STOCKPIPE_FINNHUB_TOKEN or --finnhub-token-file (a free key: https://finnhub.io/register)'
  if (finnhubToken === null) {
    if (feed === 'replay') return ok('token', 'none, and a replay needs none')
    if (feed === 'finnhub') return warn('token', 'none: only a simulator takes connections without one', how)
    return warn('token', 'none: prices are simulated', how)
  }
  if (/\s/.test(finnhubToken)) return fail('token', 'has a space inside', how)
  if (!/^[\w-]{16,64}$/.test(finnhubToken))
    return warn(
      'token',
      `is ${finnhubToken.length} characters long or has odd ones: Finnhub's are 20 to 40 letters and digits`,
      how,
    )
  return ok('token', `present, ${finnhubToken.length} characters`)
}
