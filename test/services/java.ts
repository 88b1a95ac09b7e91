import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

const OLDEST_JAVA = 17
const OFF = 'off'

export type Availability = { isAvailable: true; tools: Tools } | { isAvailable: false; reason: string }

export interface Tools {
  java: string
  /** What `java -version` says, word for word. */
  javaVersion: string
  mvn: string
  /** The folder that keeps jars, class archives and empty data. */
  cache: string
}

export type Environment = Readonly<Record<string, string | undefined>>

/** Whether real servers can be started here, and if not, why. Asks each time. */
export function servicesAvailable(env: Environment = process.env): Availability {
  const no = (reason: string): Availability => ({ isAvailable: false, reason })
  const cache = env['TEST_SERVICES'] || join(homedir(), '.cache', 'stockpipe-test-services')
  if (cache === OFF) return no('TEST_SERVICES is off')
  if (process.platform === 'win32') return no('the test servers do not run on Windows')
  const java = find('java', env['JAVA_HOME'], env)
  if (java === null) return no(`there is no java: install JDK ${OLDEST_JAVA}`)
  const javaVersion = Bun.spawnSync([java, '-version']).stderr.toString().trim()
  const major = Number(/version "(\d+)/.exec(javaVersion)?.[1])
  if (!(major >= OLDEST_JAVA))
    return no(`${java} is too old (${javaVersion.split('\n')[0]}): install JDK ${OLDEST_JAVA}`)
  const mvn = find('mvn', env['MAVEN_HOME'], env)
  if (mvn === null) return no('there is no mvn: install Maven')
  return { isAvailable: true, tools: { java, javaVersion, mvn, cache } }
}

/** Why there are no test servers here, or null. Where CI is set their absence is an error. */
export function whyUnavailable(env: Environment = process.env): string | null {
  const found = servicesAvailable(env)
  if (found.isAvailable) return null
  if (env['CI'] === 'true') throw new Error(`CI needs real Kafka and Cassandra, but ${found.reason}`)
  return found.reason
}

/** The tools, or an error that says what is missing. */
export function requiredTools(): Tools {
  const found = servicesAvailable()
  if (!found.isAvailable) throw new Error(`no test servers: ${found.reason}`)
  return found.tools
}

function find(name: string, home: string | undefined, env: Environment): string | null {
  const own = home ? join(home, 'bin', name) : ''
  return own !== '' && existsSync(own) ? own : Bun.which(name, { PATH: env['PATH'] ?? '' })
}
