/** Who may connect to whom, by the policies of a render: a small evaluator of NetworkPolicy. */
import type { KubeObject } from '../../src/deploy/object.ts'

export interface Peer {
  namespace: string
  labels: Readonly<Record<string, string>>
  /** Only of what is no pod. */
  address?: string
}

interface Selector {
  matchLabels?: Record<string, string>
  matchExpressions?: { key: string; operator: string; values?: string[] }[]
}
interface PeerRule {
  podSelector?: Selector
  namespaceSelector?: Selector
  ipBlock?: { cidr: string; except?: string[] }
}
interface PortRule {
  protocol?: string
  port?: number
}
interface FlowRule {
  from?: PeerRule[]
  to?: PeerRule[]
  ports?: PortRule[]
}
interface PolicySpec {
  podSelector: Selector
  policyTypes: string[]
  ingress?: FlowRule[]
  egress?: FlowRule[]
}

export interface Flow {
  from: Peer
  to: Peer
  port: number
  protocol?: 'TCP' | 'UDP'
}

/** Both ends must let it pass; a pod that no policy selects lets everything pass. */
export function isAllowed(flow: Flow, objects: readonly KubeObject[]): boolean {
  const policies = objects.filter(({ kind }) => kind === 'NetworkPolicy')
  return passes(flow, 'Egress', policies) && passes(flow, 'Ingress', policies)
}

function passes(flow: Flow, direction: 'Ingress' | 'Egress', policies: readonly KubeObject[]): boolean {
  const [own, other] = direction === 'Egress' ? [flow.from, flow.to] : [flow.to, flow.from]
  if (own.address !== undefined) return true
  const specs = policies
    .filter(({ metadata }) => metadata.namespace === own.namespace)
    .map((policy) => policy['spec'] as PolicySpec)
    .filter(({ podSelector, policyTypes }) => policyTypes.includes(direction) && matches(podSelector, own.labels))
  if (specs.length === 0) return true
  return specs
    .flatMap(({ ingress = [], egress = [] }) => (direction === 'Egress' ? egress : ingress))
    .some(({ from, to, ports }) => hasPort(ports, flow) && hasPeer(direction === 'Egress' ? to : from, { own, other }))
}

const hasPort = (ports: readonly PortRule[] | undefined, { port, protocol = 'TCP' }: Flow): boolean =>
  ports === undefined ||
  ports.some((one) => (one.protocol ?? 'TCP') === protocol && (one.port === undefined || one.port === port))

const hasPeer = (peers: readonly PeerRule[] | undefined, ends: { own: Peer; other: Peer }): boolean =>
  peers === undefined || peers.some((peer) => isPeer(peer, ends))

function isPeer(
  { podSelector, namespaceSelector, ipBlock }: PeerRule,
  { own, other }: { own: Peer; other: Peer },
): boolean {
  if (ipBlock !== undefined) {
    if (other.address === undefined) return false
    return (
      within(other.address, ipBlock.cidr) && !(ipBlock.except ?? []).some((one) => within(other.address ?? '', one))
    )
  }
  if (other.address !== undefined) return false
  const isNear =
    namespaceSelector === undefined
      ? other.namespace === own.namespace
      : matches(namespaceSelector, { 'kubernetes.io/metadata.name': other.namespace })
  return isNear && (podSelector === undefined || matches(podSelector, other.labels))
}

function matches(
  { matchLabels = {}, matchExpressions = [] }: Selector,
  labels: Readonly<Record<string, string>>,
): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      if (operator !== 'In') throw new Error(`the evaluator does not know ${operator}`)
      return values.includes(labels[key] ?? '')
    })
  )
}

const bits = (address: string): number => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
function within(address: string, cidr: string): boolean {
  const [base = '', length = '32'] = cidr.split('/')
  const size = 2 ** (32 - Number(length))
  return Math.floor(bits(address) / size) === Math.floor(bits(base) / size)
}
