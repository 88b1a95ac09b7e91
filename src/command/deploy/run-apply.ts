import { applyPlan } from '../../deploy/apply.ts'
import type { Inventory } from '../../deploy/inventory.ts'
import { namedRef, refOf, wordsOf, type KubeObject } from '../../deploy/object.ts'
import { dataOf, isChange, lineOf, obstacleError, summaryOf, type Plan, type Step } from '../../deploy/plan.ts'
import { prepare, type Prepared } from '../../deploy/prepare.ts'
import { renderWanted } from '../../deploy/rendered.ts'
import { awaitRollout } from '../../deploy/rollout/rollout.ts'
import { showRollout } from '../../deploy/rollout/table.ts'
import { createTerminal } from '../../terminal.ts'
import { formatOf, type LocalValues, type OutputFormat, type PlainCall } from '../command.ts'
import { confirmed } from '../confirm.ts'
import { onTheWay, structured } from '../structured.ts'
import type { APPLY } from './apply.ts'
import { openSession, type DeploySession } from './session.ts'
import { givenOf, wantedOf } from './wanted.ts'

export type ApplyFlags = LocalValues<typeof APPLY>
export type Print = (text: string) => Promise<void>
export type Call = Pick<PlainCall<unknown>, 'print' | 'secrets'>

/** Resolves to the exit code: 1 where the person said no. */
export async function runApply(values: ApplyFlags, call: Call): Promise<number> {
  const format = formatOf(values)
  if (values['dry-run'] === 'client') return listObjects(values, format, call.print)
  using session = openSession(values, call.secrets)
  const applied = await applyIn(session, values, onTheWay(format, call))
  if (applied !== null && format !== 'text') await call.print(structured(format, dataOf(applied.plan)))
  return applied === null ? 1 : 0
}

export interface Applied {
  /** What was done, or would be. */
  plan: Plan
  /** As it is now; null after a dry run. */
  inventory: Inventory | null
}

/** The same in a session that is open. Resolves to null where the person said no. */
export async function applyIn(session: DeploySession, values: ApplyFlags, print: Print): Promise<Applied | null> {
  const prepared = await prepare({
    cluster: session.cluster,
    wanted: wantedOf(values, process.env),
    given: givenOf(values, process.env),
    secrets: session.secrets,
    force: values['force-conflicts'],
    mayBeOlder: values['allow-downgrade'],
  })
  await print(planText(prepared))
  const error = obstacleError(prepared.plan)
  if (error) throw error
  const { plan } = prepared
  if (values['dry-run'] !== null) return { plan, inventory: null }
  const isNeeded = plan.steps.some(isChange)
  if (isNeeded && !(await confirmed(`Apply this to ${prepared.identity.context}?`, values.yes))) return null
  return { plan, inventory: await carryOut(prepared, { session, values, print }) }
}

/** Without any cluster. */
async function listObjects(values: ApplyFlags, format: OutputFormat, print: Print): Promise<number> {
  const refs = renderWanted(wantedOf(values, process.env)).objects.map(refOf)
  const data = refs.map((ref) => ({ verb: 'apply', ...namedRef(ref) }))
  await print(format === 'text' ? refs.map((ref) => `apply   ${wordsOf(ref)}\n`).join('') : structured(format, data))
  return 0
}

/** What would be done, for a person to agree to. */
export function planText({ identity, namespace, former, intent, plan }: Prepared): string {
  const { target, isAsBefore, dropped } = intent
  const upgrade = former !== null && former.version !== target.version ? ` (installed: ${former.version})` : ''
  const gone =
    dropped.length === 0
      ? ''
      : `dropped    ${dropped.join(', ')}: set by the last run, and not by this one; --set and --values replace all values\n`
  const unknown =
    identity.uid === null
      ? "identity   not known: whether this is the last run's cluster cannot be compared; that takes the right get namespaces kube-system (stockpipe deploy check --roles)\n"
      : ''
  const resumed = former?.state === 'applying' ? 'the last run did not end; this one goes on from there\n' : ''
  return `cluster    ${identity.context} (${identity.server}), Kubernetes ${identity.version}
namespace  ${namespace}
profile    ${target.profile}${isAsBefore ? ', values as they were' : ''}
version    ${target.version}${upgrade}
feed       ${feedWords(intent)}
${unknown}${gone}${resumed}
${plan.steps
  .filter(isChange)
  .map((step) => `${lineOf(step)}\n`)
  .join('')}${summaryOf(plan)}
`
}

function feedWords({ values, isTokenIdle }: Prepared['intent']): string {
  if (values.feed !== 'simulated') return values.feed
  return isTokenIdle
    ? 'simulated trades, as values or the last run say: the token in the environment is not used'
    : 'simulated trades (live ones: --finnhub-token-file)'
}

interface CarryOut {
  session: DeploySession
  values: ApplyFlags
  print: Print
}

async function carryOut({ namespace, former, intent, plan }: Prepared, how: CarryOut): Promise<Inventory> {
  const { session, values, print } = how
  const lines: Promise<void>[] = []
  const inventory = await applyPlan(plan, {
    cluster: session.cluster,
    clock: session.clock,
    namespace,
    target: intent.target,
    former,
    force: values['force-conflicts'],
    report: (step) => void (isChange(step) && lines.push(print(`${DONE[step.verb]} ${wordsOf(step.ref)}\n`))),
    isAwaited: values.wait,
    wait: (_wave, objects) => (values.wait ? waitFor(objects, namespace, how) : Promise.resolve()),
    signal: session.signal,
  })
  await Promise.all(lines)
  await print(plan.steps.some(isChange) ? 'applied\n' : 'nothing to change\n')
  return inventory
}

const DONE: Readonly<Record<Step['verb'], string>> = {
  create: 'created   ',
  change: 'configured',
  replace: 'made again',
  keep: 'unchanged ',
  prune: 'deleted   ',
}

async function waitFor(
  objects: readonly KubeObject[],
  namespace: string,
  { session, values }: CarryOut,
): Promise<void> {
  if (objects.length === 0) return
  const { cluster, clock, signal } = session
  const begun = clock.elapsed()
  const terminal = createTerminal(process.stderr, session.secrets)
  try {
    await awaitRollout(objects, {
      cluster,
      session: cluster,
      clock,
      namespace,
      timeoutMs: values.timeout,
      signal,
      show: showRollout(terminal, () => clock.elapsed() - begun),
      tell: (line) => terminal.print(line),
    })
  } catch (error) {
    // Its words begin on a line of their own, and tell whatever the table did.
    terminal.status('')
    throw error
  }
}
