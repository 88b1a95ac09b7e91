import { recordTested } from '../../deploy/apply.ts'
import { dataOf } from '../../deploy/plan.ts'
import { intended } from '../../deploy/prepare.ts'
import type { Probe } from '../../deploy/probe/junit.ts'
import { testPipeline } from '../../deploy/probe/pipeline.ts'
import type { Finding } from '../../finding.ts'
import { formatOf } from '../command.ts'
import { onTheWay, structured } from '../structured.ts'
import { bringImage, imagesListed } from './bring-image.ts'
import { examineIntent, findingLine } from './examine.ts'
import { probeLine } from './probe-line.ts'
import { type ApplyFlags, applyIn, type Call, type Print, runApply } from './run-apply.ts'
import { type DeploySession, openSession } from './session.ts'
import { wantedOf } from './wanted.ts'

/** Check, plan, ask, apply, wait, test. Resolves to the exit code. */
export async function runInstall(values: ApplyFlags, call: Call): Promise<number> {
  if (values['dry-run'] !== null) return runApply(values, call)
  using session = openSession(values, call.secrets)
  const format = formatOf(values)
  const done: Installed = { checks: [], steps: [], tests: [] }
  const code = await installIn(session, { values, print: onTheWay(format, call), done })
  if (format !== 'text') await call.print(structured(format, done))
  return code
}

/** As far as it came. */
export interface Installed {
  checks: readonly Finding[]
  steps: ReturnType<typeof dataOf>
  tests: readonly Probe[]
}

interface Installation {
  values: ApplyFlags
  print: Print
  done: Installed
}

/** The same in a session that is open. */
export async function installIn(session: DeploySession, { values, print, done }: Installation): Promise<number> {
  const known = await intended(session.cluster, wantedOf(values, process.env))
  const { namespace, intent } = known
  const { objects } = intent
  await bringImage(session, { objects, print, isYes: values.yes })
  await imagesListed(session, { objects, print })
  const findings = (done.checks = await examineIntent(session, known))
  await print(`${findings.map(findingLine).join('')}\n`)
  if (findings.some(({ state }) => state === 'fail')) return 1
  const applied = await applyIn(session, values, print)
  if (applied === null) return 1
  const { plan, inventory } = applied
  done.steps = dataOf(plan)
  if (inventory === null || !values.wait) return 0
  const show = (probe: Probe) => void print(probeLine(probe))
  const probes = (done.tests = await testPipeline({
    ...session,
    // The values may name another than the flags do.
    namespace,
    timeoutMs: values.timeout,
    // They would stay in the log: once they came through, who changes nothing writes nothing.
    sendsTrades: !inventory.isTested,
    show,
    tell: (line) => void print(`      ${line}\n`),
  }))
  const isWell = probes.every(({ ok }) => ok)
  if (isWell && !inventory.isTested) await recordTested(inventory, { ...session, namespace })
  await print(isWell ? 'it works: stockpipe deploy open api\n' : 'not all works: stockpipe deploy status\n')
  return isWell ? 0 : 1
}
