import { recordTested } from '../../deploy/apply.ts'
import { intended } from '../../deploy/prepare.ts'
import type { Probe } from '../../deploy/probe/junit.ts'
import { testPipeline } from '../../deploy/probe/pipeline.ts'
import { bringImage, imagesListed } from './bring-image.ts'
import { examineIntent, findingLine } from './examine.ts'
import { probeLine } from './probe-line.ts'
import { type ApplyFlags, applyIn, type Call, type Print, runApply } from './run-apply.ts'
import { type DeploySession, openSession } from './session.ts'
import { wantedOf } from './wanted.ts'

/** Check, plan, ask, apply, wait, test. Resolves to the exit code. */
export async function runInstall(values: ApplyFlags, { print, secrets }: Call): Promise<number> {
  if (values['dry-run'] !== null) return runApply(values, { print, secrets })
  using session = openSession(values, secrets)
  // Without await the session would be closed before the work has begun.
  return await installIn(session, values, print)
}

/** The same in a session that is open. */
export async function installIn(session: DeploySession, values: ApplyFlags, print: Print): Promise<number> {
  const known = await intended(session.cluster, wantedOf(values, process.env))
  const { namespace, intent } = known
  const { objects } = intent
  await bringImage(session, { objects, print, isYes: values.yes })
  await imagesListed(session, { objects, print })
  const findings = await examineIntent(session, known)
  await print(`${findings.map(findingLine).join('')}\n`)
  if (findings.some(({ state }) => state === 'fail')) return 1
  const { code, inventory } = await applyIn(session, values, print)
  if (inventory === null || !values.wait) return code
  const show = (probe: Probe) => void print(probeLine(probe))
  const probes = await testPipeline({
    ...session,
    // The values may name another than the flags do.
    namespace,
    timeoutMs: values.timeout,
    // They would stay in the log: once they came through, who changes nothing writes nothing.
    sendsTrades: !inventory.isTested,
    show,
    tell: (line) => void print(`      ${line}\n`),
  })
  const isWell = probes.every(({ ok }) => ok)
  if (isWell && !inventory.isTested) await recordTested(inventory, { ...session, namespace })
  await print(isWell ? 'it works: stockpipe deploy open api\n' : 'not all works: stockpipe deploy status\n')
  return isWell ? 0 : 1
}
