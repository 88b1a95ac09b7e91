import { check } from '../../deploy/check/check.ts'
import { askRegistry } from '../../deploy/check/registry.ts'
import { whyNoImage } from '../../deploy/image.ts'
import type { Wanted } from '../../deploy/intent.ts'
import { interrupted } from '../../deploy/interrupted.ts'
import { intended, type Prepared } from '../../deploy/prepare.ts'
import type { Finding } from '../../finding.ts'
import type { DeploySession } from './session.ts'

/** What `deploy check` finds for what is wanted. */
export async function examine(session: DeploySession, wanted: Wanted): Promise<Finding[]> {
  return examineIntent(session, await intended(session.cluster, wanted))
}

/** The same for what is known to be intended. */
export async function examineIntent(
  { cluster, session, signal }: DeploySession,
  { intent, namespace }: Pick<Prepared, 'intent' | 'namespace'>,
): Promise<Finding[]> {
  const findings = await check({
    cluster,
    session,
    namespace,
    ...intent,
    ask: askRegistry,
    whyNoImage: await whyNoImage(),
  })
  // Each of them would say so, as if the cluster were to blame.
  if (signal.aborted) throw interrupted()
  return findings
}

export const findingLine = ({ check, state, detail, fix }: Finding): string =>
  `${state.padEnd(4)}  ${check.padEnd(9)}  ${detail}\n${fix === undefined ? '' : `                 try: ${fix}\n`}`
