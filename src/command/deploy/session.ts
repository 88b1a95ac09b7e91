import { systemClock, type Clock } from '../../clock.ts'
import { openKubernetes, type Kubernetes } from '../../deploy/cluster/kubernetes.ts'
import type { Secrets } from '../../secrets.ts'
import type { LocalValues } from '../command.ts'
import { interrupted } from '../interrupt.ts'
import { type TARGET, USUAL_NAMESPACE } from './flags.ts'

/** What every sub-command that talks to a cluster holds while it does. */
export interface DeploySession extends Disposable {
  cluster: Kubernetes
  /** The same: what it can do besides reading and writing objects. */
  session: Kubernetes
  clock: Clock
  namespace: string
  secrets: Secrets
  /** Aborts at Ctrl-C, and ends all that the cluster is asked. */
  signal: AbortSignal
}

export function openSession(
  { namespace, context, kubeconfig }: LocalValues<typeof TARGET>,
  secrets: Secrets,
): DeploySession {
  using opening = new DisposableStack()
  const stop = opening.use(interrupted())
  const cluster = openKubernetes({
    context,
    kubeconfig,
    announce: (line) => process.stderr.write(`${secrets.hide(line)}\n`),
    secrets,
    signal: stop.signal,
  })
  const open = opening.move()
  return {
    cluster,
    session: cluster,
    clock: systemClock,
    namespace: namespace ?? USUAL_NAMESPACE,
    secrets,
    signal: stop.signal,
    [Symbol.dispose]: () => open.dispose(),
  }
}
