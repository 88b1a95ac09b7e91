import { join } from 'node:path'

import { systemClock } from '../../clock.ts'
import type { Settings } from '../../config.ts'
import { existingOrigins, openDataDir, type Origin } from '../../data-dir.ts'
import { StockpipeError } from '../../errors.ts'

/** Where the embedded log and store of the origin asked for are. */
export const folderOf = (settings: Settings): string => join(settings.dataDir, originIn(settings))

/** The origin asked for, or the only one in the data folder. */
export const originIn = ({ dataDir, origin }: Settings): Origin => pick(existingOrigins(dataDir), origin, dataDir)

/**
 * What is opened in the data folder, which belongs to this process until that is closed. Throws `in-use` while a pipeline
 * runs there, and what `open` throws.
 */
export async function inOwnFolder<Opened extends AsyncDisposable>(
  settings: Settings,
  open: (folder: string) => Promise<Opened>,
): Promise<Opened> {
  const folder = openDataDir({ path: settings.dataDir, origin: originIn(settings), clock: systemClock })
  try {
    const opened = await open(folder.path)
    const close = opened[Symbol.asyncDispose].bind(opened)
    return Object.assign(opened, {
      async [Symbol.asyncDispose]() {
        await close()
        folder[Symbol.dispose]()
      },
    })
  } catch (error) {
    folder[Symbol.dispose]()
    throw error
  }
}

/** The origin asked for, or the only one there. */
function pick(present: readonly Origin[], wanted: Origin | null, dataDir: string): Origin {
  const only = wanted ?? (present.length === 1 ? present[0] : undefined)
  if (only !== undefined && present.includes(only)) return only
  if (present.length === 0)
    throw new StockpipeError('data-dir', `there is no data in ${dataDir} yet`, { hint: 'stockpipe run' })
  throw new StockpipeError(
    'origin',
    wanted ? `there is no ${wanted} data in ${dataDir}` : `which data of ${dataDir}?`,
    {
      why: `it holds ${present.join(' and ')} data`,
      hint: `add --origin ${present.join(' or --origin ')}`,
    },
  )
}
