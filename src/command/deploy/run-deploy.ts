/** All of it: look whether the cluster can take it, show the plan, ask, apply, wait, and see that trades go through. */
import { intentIn } from '../../deploy/prepare.ts'
import { testPipeline } from '../../deploy/probe/pipeline.ts'
import { StockpipeError } from '../../errors.ts'
import { examine, findingLine } from './examine.ts'
import { applyIn, listObjects, type ApplyFlags } from './run-apply.ts'
import { openSession, type DeploySession } from './session.ts'
import { probeLine } from './test.ts'
import { wantedOf } from './wanted.ts'

type Print = (text: string) => Promise<void>

/** Resolves to the exit code. */
export async function runDeploy(values: ApplyFlags, print: Print): Promise<number> {
  if (values['dry-run'] === 'client') return listObjects(values, print)
  using session = openSession(values)
  const { namespace, intent } = await intentIn(session.cluster, wantedOf(values))
  await refuseUnfit(session, { ...intent, objects: [...intent.objects] }, print)
  const done = await applyIn(session, values, print)
  if (done === 'refused') return 1
  return done === 'planned' || !values.wait ? 0 : tryOut({ ...session, namespace }, values, print)
}

/** Only what is not well is worth a line here. */
async function refuseUnfit(session: DeploySession, wish: Parameters<typeof examine>[1], print: Print): Promise<void> {
  const findings = await examine(session, wish)
  await print(
    findings
      .filter(({ state }) => state !== 'ok')
      .map(findingLine)
      .join(''),
  )
  const failed = findings.filter(({ state }) => state === 'fail').length
  if (failed > 0)
    throw new StockpipeError('refused', `the cluster cannot take it: ${failed} of ${findings.length} checks failed`, {
      hint: 'mend what is said above; `stockpipe deploy apply` goes on without these checks',
    })
}

async function tryOut(
  session: Omit<DeploySession, typeof Symbol.dispose>,
  { timeout }: ApplyFlags,
  print: Print,
): Promise<number> {
  const show = (probe: Parameters<typeof probeLine>[0]) => void print(probeLine(probe))
  const probes = await testPipeline({ ...session, timeoutMs: timeout, show })
  return probes.every(({ ok }) => ok) ? 0 : 1
}
