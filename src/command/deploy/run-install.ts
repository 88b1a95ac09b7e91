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
import { type ApplyFlags, applyIn, type Call, runApply } from './run-apply.ts'
import { openSession } from './session.ts'
import { wantedOf } from './wanted.ts'

/** Check, plan, ask, apply, wait, test. Resolves to the exit code. */
export async function runInstall(values: ApplyFlags, call: Call): Promise<number> {
  if (values['dry-run'] !== null) return runApply(values, call)
  const format = formatOf(values)
  const done: Installed = { checks: [], steps: [], tests: [] }
  const code = await install(values, { ...call, print: onTheWay(format, call) }, done)
  if (format !== 'text') await call.print(structured(format, done))
  return code
}

/** As far as it came. */
interface Installed {
  checks: readonly Finding[]
  steps: ReturnType<typeof dataOf>
  tests: readonly Probe[]
}

async function install(
  values: ApplyFlags,
  { print, secrets }: { print: (text: string) => Promise<void>; secrets: Call['secrets'] },
  done: Installed,
): Promise<number> {
  using session = openSession(values, secrets)
  const wish = await intended(session.cluster, wantedOf(values))
  const { namespace } = wish
  const { objects } = wish.intent
  await bringImage(session, { objects, print, isYes: values.yes })
  await imagesListed(session, { objects, print })
  const findings = (done.checks = await examineIntent(session, wish))
  await print(`${findings.map(findingLine).join('')}\n`)
  if (findings.some(({ state }) => state === 'fail')) return 1
  const plan = await applyIn(session, values, print)
  if (plan === null) return 1
  done.steps = dataOf(plan)
  if (!values.wait) return 0
  const show = (probe: Probe) => void print(probeLine(probe))
  const probes = (done.tests = await testPipeline({
    ...session,
    // The values may name another than the flags do.
    namespace,
    timeoutMs: values.timeout,
    show,
    tell: (line) => void print(`      ${line}\n`),
  }))
  const isWell = probes.every(({ ok }) => ok)
  await print(isWell ? 'it works: stockpipe deploy open api\n' : 'not all works: stockpipe deploy status\n')
  return isWell ? 0 : 1
}
