/** How people and probes log in to Grafana. */
import { StockpipeError } from '../../errors.ts'
import { at, listAt, textAt } from '../fields.ts'
import { type Place, workloadOf } from './workloads.ts'

/** The volume with the login, and the Secret in it where the values name no other. */
const ADMIN = 'grafana-admin'

/** The Secret that the installed Grafana reads its login from. */
export async function adminSecretOf(place: Place): Promise<string> {
  const grafana = await workloadOf(place, 'grafana')
  const volumes = listAt(grafana, 'spec', 'template', 'spec', 'volumes')
  const volume = volumes.find((one) => textAt(one, 'name') === ADMIN)
  return textAt(at(volume, 'secret'), 'secretName') || ADMIN
}

/** Throws `not-found` where the Secret is not there. */
export async function adminOf(place: Place): Promise<{ secret: string; username: string; password: string }> {
  const { cluster, namespace } = place
  const name = await adminSecretOf(place)
  const found = await cluster.get({ apiVersion: 'v1', kind: 'Secret', name, namespace })
  if (found === null) throw new StockpipeError('not-found', `there is no Secret ${namespace}/${name}`)
  const text = (key: string) => Buffer.from(textAt(found, 'data', key), 'base64').toString()
  return { secret: name, username: text('username'), password: text('password') }
}

/** The password itself is not printed: screens are shared, and shells remember. */
export const loginWords = async (place: Place): Promise<string> =>
  `user and password: kubectl get secret ${await adminSecretOf(place)} -n ${place.namespace} -o go-template='{{range $k,$v := .data}}{{$k}}: {{$v|base64decode}}{{"\\n"}}{{end}}'\n`
