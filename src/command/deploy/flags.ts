/** The flags that several of the sub-commands of `stockpipe deploy` share, under the names that people know. */
import { duration } from '../../config/measure.ts'
import { choice, path, refuse, text, truth, type ValueType } from '../../config/value.ts'
import type { ProfileName } from '../../deploy/profile.ts'
import { local, repeated } from '../command.ts'

/** As Kubernetes allows for the name of a namespace. */
const namespace: ValueType<string> = {
  ...text('lower case letters, digits and dashes, at most 63'),
  parse(value) {
    if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(value)) throw refuse('is no name of a namespace')
    return value
  },
}

const assignment: ValueType<string> = {
  ...text('KEY=VALUE, the key with dots: kafka.storage=20Gi'),
  parse(value) {
    if (!/^[^=\s]+=/.test(value)) throw refuse('has no KEY=VALUE')
    return value
  },
}

/** Where the objects are. */
export const PLACE = {
  namespace: local(namespace, null, 'Namespace; without it: that of the values, else pipeline', 'n'),
}

/** Where nothing says another. */
export const USUAL_NAMESPACE = 'pipeline'

/** Which cluster. */
export const TARGET = {
  ...PLACE,
  context: local(text('the name of a context'), null, 'Context of the kubeconfig; without it: its current one'),
  kubeconfig: local(path, null, 'File with the way to the cluster; without it: KUBECONFIG, then ~/.kube/config'),
}

/** Spelled out here, so that no command line loads the manifests. */
const PROFILES = ['minikube', 'ha', 'eks', 'gke', 'aks'] as const satisfies readonly ProfileName[]

/** What is wanted in the cluster. */
export const WISHES = {
  profile: local(choice(PROFILES), null, 'Kind of cluster; without it: told by its context'),
  values: repeated(path, 'File with values; a later one wins', 'f'),
  set: repeated(assignment, 'One value, KEY=VALUE; may be repeated'),
}

/** Secrets of the user, never as a flag themselves. */
export const GIVEN = {
  'finnhub-token-file': local(
    path,
    null,
    'File with the API key of Finnhub; live data instead of simulated. Without it: FINNHUB_API_TOKEN',
  ),
}

export const FORCE = {
  'force-conflicts': local(truth, false, 'Take over fields that another manager has set'),
  'allow-downgrade': local(truth, false, 'Let this version replace a newer one, where the tables are still the same'),
}

export const TIMEOUT = {
  timeout: local(duration({ min: 1_000, max: 24 * 3_600_000 }), 15 * 60_000, 'How long to wait'),
}

export const WAITING = {
  ...TIMEOUT,
  wait: local(truth, true, 'Wait until everything runs; --no-wait does not'),
}

export const CONSENT = { yes: local(truth, false, 'Do not ask', 'y') }

export const DRY_RUN = {
  'dry-run': local(
    { ...choice(['client', 'server']), bare: 'client' },
    null,
    'Change nothing; server: let the cluster judge what would be; alone it is client',
  ),
}

/** `-f` that means follow. */
export const FOLLOW = { follow: local(truth, false, 'Go on with what is logged from now on', 'f') }
