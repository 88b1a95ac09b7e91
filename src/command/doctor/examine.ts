import { systemClock } from '../../clock.ts'
import { needsStore, type Settings } from '../../config.ts'
import { checkClock } from './clock.ts'
import { checkDataDir, checkReplayFile, checkSpace } from './disk.ts'
import type { Finding } from '../../finding.ts'
import { checkNames, checkPort, checkProxy, proxyOf } from './network.ts'
import { checkToken } from './token.ts'

/** Every check that these settings call for, in the order they are printed. Never throws. */
export async function examine(
  settings: Settings,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Finding[]> {
  const proxy = proxyOf(env)
  const found = await Promise.all([
    checkClock(settings.finnhubUrl, settings.futureLimit, systemClock),
    checkSpace(settings.dataDir),
    checkDataDir(settings),
    checkReplayFile(settings),
    checkPort(settings),
    checkNames(settings, proxy !== null),
    checkProxy(proxy),
    checkServers(settings),
  ])
  return [...found.flat(), checkToken(settings)]
}

/** Their clients are large: loaded where there is something to ask. */
async function checkServers(settings: Settings): Promise<Finding[]> {
  const usesKafka = settings.broker === 'kafka'
  const usesCassandra = settings.store === 'cassandra' && needsStore(settings)
  const found = await Promise.all([
    usesKafka ? import('./kafka.ts').then(({ checkKafka }) => checkKafka(settings)) : [],
    usesCassandra ? import('./cassandra.ts').then(({ checkCassandra }) => checkCassandra(settings)) : [],
  ])
  return found.flat()
}
