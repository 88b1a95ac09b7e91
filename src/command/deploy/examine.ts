import { check } from '../../deploy/check/check.ts'
import { askRegistry } from '../../deploy/check/registry.ts'
import { whyNoImage } from '../../deploy/image.ts'
import type { Wanted } from '../../deploy/intent.ts'
import { intended } from '../../deploy/prepare.ts'
import type { Finding } from '../../finding.ts'
import type { DeploySession } from './session.ts'

/** What `deploy check` finds for what is wanted. */
export async function examine(session: DeploySession, wanted: Wanted): Promise<Finding[]> {
  return examineIntent(session, await intended(session.cluster, wanted))
}

/** The same where it is known already. */
export async function examineIntent(
  { cluster, session }: DeploySession,
  { intent, namespace }: Awaited<ReturnType<typeof intended>>,
): Promise<Finding[]> {
  return check({ cluster, session, namespace, ...intent, ask: askRegistry, whyNoImage: await whyNoImage() })
}

export const findingLine = ({ check, state, detail, fix }: Finding): string =>
  `${state.padEnd(4)}  ${check.padEnd(9)}  ${detail}\n${fix === undefined ? '' : `                 try: ${fix}\n`}`
