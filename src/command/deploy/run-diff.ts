import { diffText } from '../../deploy/diff.ts'
import { dataOf, isChange, obstacleError, summaryOf, type Plan } from '../../deploy/plan.ts'
import { prepare } from '../../deploy/prepare.ts'
import type { LocalValues, OutputFormat, PlainCall } from '../command.ts'
import { structured } from '../structured.ts'
import type { FORCE, GIVEN, TARGET, WISHES } from './flags.ts'
import { openSession } from './session.ts'
import { givenOf, wantedOf } from './wanted.ts'

type Flags = LocalValues<typeof TARGET & typeof WISHES & typeof GIVEN & typeof FORCE>

/** Resolves to the exit code. */
export async function runDiff(
  values: Flags,
  { format, print, secrets }: Pick<PlainCall<unknown>, 'print' | 'secrets'> & { format: OutputFormat },
): Promise<number> {
  using session = openSession(values, secrets)
  const { plan } = await prepare({
    cluster: session.cluster,
    wanted: wantedOf(values, process.env),
    given: givenOf(values, process.env),
    secrets,
    force: values['force-conflicts'],
    mayBeOlder: values['allow-downgrade'],
  })
  await print(format === 'text' ? textOf(plan) : structured(format, dataOf(plan)))
  const error = obstacleError(plan)
  if (error) throw error
  return plan.steps.some(isChange) ? 1 : 0
}

const textOf = (plan: Plan): string => `${diffText(plan)}${summaryOf(plan)}\n`
