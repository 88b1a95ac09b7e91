import { check } from '../../deploy/check/check.ts'
import type { Wanted } from '../../deploy/intent.ts'
import { intended } from '../../deploy/prepare.ts'
import type { Finding } from '../../finding.ts'
import type { DeploySession } from './session.ts'

/** What `deploy check` finds for what is wanted. */
export async function examine({ cluster, session }: DeploySession, wanted: Wanted): Promise<Finding[]> {
  const { intent, namespace } = await intended(cluster, wanted)
  return check({ cluster, session, namespace, ...intent })
}

export const findingLine = ({ check, state, detail, fix }: Finding): string =>
  `${state.padEnd(4)}  ${check.padEnd(9)}  ${detail}\n${fix === undefined ? '' : `                 try: ${fix}\n`}`
