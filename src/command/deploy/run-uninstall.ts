import { wordsOf } from '../../deploy/object.ts'
import { removalOf, uninstall, type Removal } from '../../deploy/uninstall.ts'
import { StockpipeError } from '../../errors.ts'
import type { LocalValues, PlainCall } from '../command.ts'
import { confirmed, typed } from '../confirm.ts'
import { openSession } from './session.ts'
import type { UNINSTALL } from './uninstall.ts'

type Flags = LocalValues<typeof UNINSTALL>
type Call = Pick<PlainCall<unknown>, 'print' | 'secrets'>

/** Resolves to the exit code: 1 where the person said no. */
export async function runUninstall(values: Flags, { print, secrets }: Call): Promise<number> {
  using session = openSession(values, secrets)
  const { namespace } = session
  const { 'delete-data': deleteData, timeout: timeoutMs } = values
  const { context, server } = await session.cluster.identity()
  const removal = await removalOf(session.cluster, namespace, deleteData)
  if (isNothing(removal, deleteData)) {
    await print(`nothing of stockpipe is in ${namespace} of ${context}${staysText(removal)}\n`)
    return 0
  }
  await print(`cluster    ${context} (${server})\nnamespace  ${namespace}\n\n${removalText(removal, deleteData)}`)
  if (values['dry-run']) return 0
  if (!(await isWanted(values, namespace, context))) return 1
  const lines: Promise<void>[] = []
  const report = (ref: Removal['data'][number]) => void lines.push(print(`deleted    ${wordsOf(ref)}\n`))
  const stays = await uninstall(removal, { ...session, deleteData, timeoutMs, report })
  await Promise.all(lines)
  await print(stays.length === 0 ? 'nothing stays\n' : `stays:\n${stays.map((ref) => `  ${wordsOf(ref)}\n`).join('')}`)
  return 0
}

const isNothing = ({ inventory, workloads, data, namespace }: Removal, deleteData: boolean): boolean =>
  inventory === null && workloads.length === 0 && namespace === null && !(deleteData && data.length > 0)

const staysText = ({ data }: Removal): string =>
  data.length === 0 ? '' : `, apart from its data: ${data.map(wordsOf).join(', ')} (--delete-data)`

export function removalText({ workloads, data, namespace, foreign, unseen }: Removal, deleteData: boolean): string {
  const goes = [...workloads, ...(deleteData ? data : []), ...(namespace === null ? [] : [namespace])]
  const stays = [...(deleteData ? [] : data), ...foreign]
  const list = (verb: string, refs: Removal['data']) => refs.map((ref) => `${verb} ${wordsOf(ref)}\n`).join('')
  const why = foreign.length === 0 ? '' : 'the namespace stays, because not everything in it is ours\n'
  const doubt =
    unseen.length === 0
      ? ''
      : `the namespace stays, because we may not see whether somebody has others in it: ${unseen.join(', ')} (stockpipe deploy check --roles prints the rights)\n`
  return `${list('delete ', goes)}${list('keep   ', stays)}${why}${doubt}`
}

async function isWanted(
  { 'delete-data': deleteData, yes }: Flags,
  namespace: string,
  context: string,
): Promise<boolean> {
  if (!deleteData) return confirmed(`Uninstall from ${context}?`, yes)
  // --yes is typed too easily for what nobody can bring back.
  if (!process.stdin.isTTY) return isTypedByScript(namespace)
  return (
    (await typed(`This deletes all data of ${namespace} in ${context} for good. Type the namespace: `)) === namespace
  )
}

/** A script types it as a person does: on the standard input. */
async function isTypedByScript(namespace: string): Promise<boolean> {
  const words = (await Bun.stdin.text()).trim()
  if (words === namespace) return true
  throw new StockpipeError('usage', 'this deletes data for good, and the namespace was not typed', {
    hint: `echo ${namespace} | stockpipe deploy uninstall --delete-data -n ${namespace}`,
  })
}
