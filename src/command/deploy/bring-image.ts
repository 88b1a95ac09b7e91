import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { type AbsentImages, absentImages } from '../../deploy/check/images.ts'
import { whyNoImage, writeOwnImage } from '../../deploy/image.ts'
import { loadCommand, loadImage, localClusterOf } from '../../deploy/local-cluster.ts'
import type { KubeObject } from '../../deploy/object.ts'
import { StockpipeError } from '../../errors.ts'
import { reason } from '../../finding.ts'
import { confirmed } from '../confirm.ts'
import { OWN_TAG } from './image.ts'
import type { DeploySession } from './session.ts'

interface Wished {
  /** What would be applied. */
  objects: readonly KubeObject[]
  print: (text: string) => Promise<void>
}

/** A kubelet looks every half a minute which images it has, and tells some seconds later. */
const LISTED_AFTER_MS = 60_000
const LOOK_EVERY_MS = 1_000

/** Null where we may not look. */
async function lacking({ cluster }: DeploySession, objects: readonly KubeObject[]): Promise<AbsentImages | null> {
  try {
    return await absentImages({ cluster, objects })
  } catch (error) {
    if (error instanceof StockpipeError && error.code === 'forbidden') return null
    throw error
  }
}

/** Gives nodes the time to list an image of ours that was brought to them just now. */
export async function imagesListed(session: DeploySession, { objects, print }: Wished): Promise<void> {
  const { clock, signal } = session
  const until = clock.elapsed() + LISTED_AFTER_MS
  for (let looked = 0; !signal.aborted && clock.elapsed() < until; looked++) {
    const { own, nodes } = (await lacking(session, objects)) ?? { own: [], nodes: [] }
    if (own.length === 0 || nodes.length === 0) return
    if (looked === 0)
      await print(`${own.join(', ')} is not listed by every node, which may come late: looking for up to a minute\n`)
    await clock.sleep(LOOK_EVERY_MS, signal)
  }
}

/** A cluster on this machine can have the image of this executable: offers it where it is missing. */
export async function bringImage(
  session: DeploySession,
  { objects, print, isYes }: Wished & { isYes: boolean },
): Promise<void> {
  if (!(isYes || process.stdin.isTTY)) return
  const found = await lacking(session, objects)
  const local = found?.own.includes(OWN_TAG) ? localClusterOf(found.nodes) : null
  if (local === null) return
  const notBrought = (why: string) => print(`${OWN_TAG} is not on the nodes, and cannot be brought there: ${why}\n`)
  const why = await whyNoImage()
  if (why !== null) return notBrought(why)
  const words = loadCommand(local, 'FILE').slice(0, -1).join(' ')
  if (!(await confirmed(`${OWN_TAG} is not on the nodes. Bring it there (${words})?`, isYes))) return
  const folder = await mkdtemp(join(tmpdir(), 'stockpipe-image-'))
  try {
    const file = join(folder, 'stockpipe.tar')
    const trouble = await writeOwnImage(file, OWN_TAG).then(() => null, firstReason)
    if (trouble !== null) return await notBrought(trouble)
    await loadImage(local, file)
    await print(`${OWN_TAG} is on the nodes\n`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const firstReason = (error: Error): string => reason(error.cause ?? error)
