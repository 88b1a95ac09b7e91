import { tableLines } from '../rollout/table.ts'
import { faultsOf, type PipelineStatus, ROLES, type RoleStatus } from './status.ts'

/** `deploy status` for people. */
export function statusLines(status: PipelineStatus): string[] {
  const { cluster, namespace, isInstalled, workloads, roles, newestTradeAgeMs } = status
  const head = `${cluster.context} (${cluster.server}, Kubernetes ${cluster.version}), namespace ${namespace}`
  if (!isInstalled) return [head, 'nothing is installed: stockpipe deploy']
  const rows = workloads.map((standing) => ({ ...standing, lastWords: '' }))
  // The last line of the table tells how long a rollout took: there is none.
  const table = tableLines(rows, 0).slice(0, -1)
  return [head, '', ...table, '', ...roleLines(roles), ...absenceLines(status), tradeWords(newestTradeAgeMs)]
}

function roleLines(roles: readonly RoleStatus[]): string[] {
  const name = Math.max(0, ...roles.map(({ pod }) => pod.length))
  return roles.map(
    (role) => `${role.notReady.length === 0 ? 'ok  ' : 'wait'}  ${role.pod.padEnd(name)}  ${saidWords(role)}`,
  )
}

/** A role without a pod says nothing, and would not be missed among the others. */
function absenceLines(status: PipelineStatus): string[] {
  const absent = ROLES.filter((role) => status.roles.every((said) => said.role !== role))
  return absent.map((role) => `wait  ${role}  ${faultsOf(status, role).join(', ')}`)
}

function saidWords({ version, notReady, tradesPerSecond, lagRecords }: RoleStatus): string {
  const figures = [
    version,
    tradesPerSecond === null ? '' : `${Math.round(tradesPerSecond)} trades/s`,
    lagRecords === null ? '' : `${lagRecords} records behind`,
  ]
  return [...figures.filter(Boolean), ...notReady].join(', ')
}

const tradeWords = (age: number | null): string =>
  age === null ? 'newest trade: not known' : `newest trade: ${(Math.max(0, age) / 1_000).toFixed(1)} s old`
