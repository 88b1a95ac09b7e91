import { type Finding, fail, ok, warn } from '../../finding.ts'
import { type NeededRight, neededRights, rightWords } from '../rights.ts'
import type { Examined } from './check.ts'

const AT_ONCE = 20
const GRANT = 'stockpipe deploy check --roles prints what the administrator has to grant'

/** Asks the server for each right; names every one that is missing. */
export async function checkRights({
  session,
  objects,
  namespace,
}: Pick<Examined, 'session' | 'objects' | 'namespace'>): Promise<Finding[]> {
  const rights = neededRights(objects, namespace)
  const missing: NeededRight[] = []
  for (let from = 0; from < rights.length; from += AT_ONCE) {
    const some = rights.slice(from, from + AT_ONCE)
    const answers = await Promise.all(some.map((right) => session.may(right)))
    missing.push(...some.filter((_, index) => answers[index] !== true))
  }
  const needed = missing.filter(({ isOptional }) => !isOptional).map(rightWords)
  const looks = missing.filter(({ isOptional }) => isOptional).map(rightWords)
  const findings: Finding[] = []
  if (needed.length > 0) findings.push(fail('rights', `missing: ${needed.join(', ')}`, GRANT))
  else findings.push(ok('rights', `${rights.length - looks.length} of ${rights.length} granted`))
  if (looks.length > 0) findings.push(warn('rights', `may not look: ${looks.join(', ')}`, GRANT))
  return findings
}
