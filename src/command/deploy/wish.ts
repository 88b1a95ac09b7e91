import type { KubeObject } from '../../deploy/object.ts'
import type { ProfileName } from '../../deploy/profile.ts'
import { render } from '../../deploy/render.ts'
import { readValues, type Values } from '../../deploy/values.ts'
import { StockpipeError } from '../../errors.ts'
import type { LocalValues } from '../command.ts'
import type { PLACE, WISHES } from './flags.ts'

/** What the flags and files ask for. */
export interface DeployWish {
  values: Values
  /** In the order in which they are applied. */
  objects: KubeObject[]
}

/** `detected`: the profile where no flag names one. Throws `config` that names every problem. */
export async function readWish(
  flags: LocalValues<typeof PLACE & typeof WISHES>,
  detected: ProfileName = 'minikube',
): Promise<DeployWish> {
  const { profile, namespace, set } = flags
  const values = readValues({
    profile: profile ?? detected,
    ...(namespace === null ? {} : { namespace }),
    files: await Promise.all(flags.values.map(readFile)),
    sets: set,
  })
  return { values, objects: render(values) }
}

async function readFile(name: string): Promise<{ name: string; text: string }> {
  try {
    return { name, text: await Bun.file(name).text() }
  } catch (cause) {
    throw new StockpipeError('config', `the values file ${name} cannot be read`, { cause })
  }
}
