import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { absentImages } from '../../deploy/check/nodes.ts'
import { canWriteImage, writeOwnImage } from '../../deploy/image.ts'
import type { Wanted } from '../../deploy/intent.ts'
import { type LocalCluster, loadCommand, loadImage, localClusterOf } from '../../deploy/local-cluster.ts'
import { intended } from '../../deploy/prepare.ts'
import { StockpipeError } from '../../errors.ts'
import { confirmed } from '../confirm.ts'
import { OWN_TAG } from './image.ts'
import type { DeploySession } from './session.ts'

interface Bringing {
  wanted: Wanted
  isYes: boolean
  print: (text: string) => Promise<void>
}

/** Null where the image is there, where nothing of ours could bring it, and where we may not look. */
async function lackingCluster({ cluster }: DeploySession, wanted: Wanted): Promise<LocalCluster | null> {
  try {
    const { intent } = await intended(cluster, wanted)
    const { nodes, own } = await absentImages({ cluster, objects: intent.objects })
    return own.includes(OWN_TAG) ? localClusterOf(nodes) : null
  } catch (error) {
    if (error instanceof StockpipeError && error.code === 'forbidden') return null
    throw error
  }
}

/** A cluster on this machine can have the image of this executable: offers it where it is missing. */
export async function bringImage(session: DeploySession, { wanted, isYes, print }: Bringing): Promise<void> {
  if (!canWriteImage() || !(isYes || process.stdin.isTTY)) return
  const local = await lackingCluster(session, wanted)
  if (local === null) return
  const words = loadCommand(local, 'FILE').slice(0, -1).join(' ')
  if (!(await confirmed(`${OWN_TAG} is not on the nodes. Bring it there (${words})?`, isYes))) return
  const folder = await mkdtemp(join(tmpdir(), 'stockpipe-image-'))
  try {
    const file = join(folder, 'stockpipe.tar')
    await writeOwnImage(file, OWN_TAG)
    await loadImage(local, file)
    await print(`${OWN_TAG} is on the nodes\n`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
