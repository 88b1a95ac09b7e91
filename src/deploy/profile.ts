/** What a profile and its components are made of, before any value is set. */
import { BASE, COMPONENTS, OVERLAYS, type ComponentName, type ProfileName } from './manifests.ts'
import { refOf, wordsOf, type KubeObject } from './object.ts'
import { patched } from './patch.ts'
import { parseDocuments } from './yaml.ts'

export type { ComponentName, ProfileName }
export const PROFILES = Object.keys(OVERLAYS) as ProfileName[]

/** A document over an object that is there is a patch, any other is an object more. */
export function composed(profile: ProfileName, components: readonly ComponentName[]): KubeObject[] {
  const objects = new Map<string, KubeObject>()
  const texts = [...BASE, ...OVERLAYS[profile], ...components.flatMap((name) => COMPONENTS[name])]
  for (const document of texts.flatMap((text) => parseDocuments(text, 'a manifest')) as KubeObject[]) {
    const name = wordsOf(refOf(document))
    const present = objects.get(name)
    objects.set(name, present === undefined ? document : patched(present, document))
  }
  return [...objects.values()]
}
