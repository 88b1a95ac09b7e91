import { namedRef, type ObjectRef, wordsOf } from '../../deploy/object.ts'
import { goesOf, judgeRemoval, removalOf, uninstall, type Removal } from '../../deploy/uninstall.ts'
import { StockpipeError } from '../../errors.ts'
import { formatOf, type LocalValues, type PlainCall } from '../command.ts'
import { confirmed, typed } from '../confirm.ts'
import { onTheWay, structured } from '../structured.ts'
import { openSession } from './session.ts'
import type { UNINSTALL } from './uninstall.ts'

type Flags = LocalValues<typeof UNINSTALL>
type Call = Pick<PlainCall<unknown>, 'print' | 'secrets'>
type TextCall = Omit<Call, 'print'> & { print: (text: string) => Promise<void> }

/** Resolves to the exit code: 1 where the person said no. */
export async function runUninstall(values: Flags, call: Call): Promise<number> {
  const format = formatOf(values)
  const done = await uninstallBy(values, { ...call, print: onTheWay(format, call) })
  if (done !== null && format !== 'text')
    await call.print(structured(format, { deleted: done.deleted.map(namedRef), stays: done.stays.map(namedRef) }))
  return done === null ? 1 : 0
}

interface Done {
  deleted: readonly ObjectRef[]
  stays: readonly ObjectRef[]
}

/** What was done, or would be; null: the person said no. */
async function uninstallBy(values: Flags, { print, secrets }: TextCall): Promise<Done | null> {
  using session = openSession(values, secrets)
  const { namespace } = session
  const { 'delete-data': deleteData, timeout: timeoutMs } = values
  const { context, server } = await session.cluster.identity()
  const removal = await removalOf(session.cluster, namespace, deleteData)
  if (isNothing(removal, deleteData)) {
    await print(`nothing of stockpipe is in ${namespace} of ${context}${staysText(removal)}\n`)
    return { deleted: [], stays: removal.data }
  }
  await print(`cluster    ${context} (${server})\nnamespace  ${namespace}\n\n${removalText(removal, deleteData)}`)
  if (values['dry-run'] === 'server') await judgeRemoval(session.cluster, removal, deleteData)
  if (values['dry-run'] !== null) return { deleted: goesOf(removal, deleteData), stays: staysOf(removal, deleteData) }
  if (!(await isWanted(values, namespace, context))) return null
  const lines: Promise<void>[] = []
  const deleted: ObjectRef[] = []
  const report = (ref: ObjectRef) => {
    deleted.push(ref)
    lines.push(print(`deleted    ${wordsOf(ref)}\n`))
  }
  const stays = await uninstall(removal, { ...session, deleteData, timeoutMs, report })
  await Promise.all(lines)
  await print(stays.length === 0 ? 'nothing stays\n' : `stays:\n${stays.map((ref) => `  ${wordsOf(ref)}\n`).join('')}`)
  return { deleted, stays }
}

const staysOf = ({ data, foreign }: Removal, deleteData: boolean): ObjectRef[] => [
  ...(deleteData ? [] : data),
  ...foreign,
]

const isNothing = ({ inventory, workloads, data, namespace }: Removal, deleteData: boolean): boolean =>
  inventory === null && workloads.length === 0 && namespace === null && !(deleteData && data.length > 0)

const staysText = ({ data }: Removal): string =>
  data.length === 0 ? '' : `, apart from its data: ${data.map(wordsOf).join(', ')} (--delete-data)`

export function removalText(removal: Removal, deleteData: boolean): string {
  const { foreign, unseen } = removal
  const list = (verb: string, refs: readonly ObjectRef[]) => refs.map((ref) => `${verb} ${wordsOf(ref)}\n`).join('')
  const why = foreign.length === 0 ? '' : 'the namespace stays, because not everything in it is ours\n'
  const doubt =
    unseen.length === 0
      ? ''
      : `the namespace stays, because we may not see whether somebody has others in it: ${unseen.join(', ')} (stockpipe deploy check --roles prints the rights)\n`
  return `${list('delete ', goesOf(removal, deleteData))}${list('keep   ', staysOf(removal, deleteData))}${why}${doubt}`
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
