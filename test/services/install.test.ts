/** Installing and starting, with a Maven and servers that are shell scripts: what real ones do only when they fail. */
import { describe, expect, test } from 'bun:test'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'

import { until } from '../until.ts'
import { install, type Installed, type Product } from './install.ts'
import { servicesAvailable, type Tools, whyUnavailable } from './java.ts'
import { onFreePorts } from './ports.ts'
import { startServer } from './server.ts'
import { isAlive, newRoot } from './servers.ts'

function script(folder: string, { name, text }: { name: string; text: string }): string {
  const path = join(folder, name)
  writeFileSync(path, `#!/bin/sh\n${text}\n`)
  chmodSync(path, 0o755)
  return path
}

/** Makes one jar in the folder that it is told, and fails while the file `broken` is beside it. */
const MAVEN = `
for argument; do case $argument in -DoutputDirectory=*) out=\${argument#*=} ;; esac; done
mkdir -p "$out" && echo jar >"$out/a.jar"
[ ! -e "$(dirname "$0")/broken" ] || { echo 'no such artifact' >&2; exit 1; }`

const toolsIn = (folder: string): Tools => ({
  java: 'java',
  javaVersion: '17',
  mvn: script(folder, { name: 'mvn', text: MAVEN }),
  cache: join(folder, 'cache'),
})

function product(train: Product['train'] = trained): Product & { trainings: number } {
  const made = {
    name: 'thing',
    dependencies: ['group:thing:1'],
    trainings: 0,
    train: async (installed: Installed) => {
      made.trainings++
      await train(installed)
    },
  }
  return made
}

const trained: Product['train'] = async ({ archive, template }) => {
  writeFileSync(archive, 'classes')
  writeFileSync(join(template, 'data'), 'empty')
}

describe('an installation', () => {
  test('is made once by two that want it at the same time, and not again later', async () => {
    using folder = newRoot('install')
    const thing = product()
    const tools = toolsIn(folder.path)
    const [one, other] = await Promise.all([install(thing, tools), install(thing, tools)])
    expect(one).toEqual(other)
    expect(await install(thing, tools)).toEqual(one)
    expect(thing.trainings).toBe(1)
    expect(one.classpath.split(':').every(existsSync)).toBe(true)
    expect(existsSync(one.archive) && existsSync(join(one.template, 'data'))).toBe(true)
  })

  test('is made anew for another version of Java or of the product', async () => {
    using folder = newRoot('install')
    const tools = toolsIn(folder.path)
    const folders = [
      await install(product(), tools),
      await install(product(), { ...tools, javaVersion: '18' }),
      await install({ ...product(), dependencies: ['group:thing:2'] }, tools),
    ].map(({ template }) => template)
    expect(new Set(folders).size).toBe(3)
  })

  test('that Maven cannot make fails with the words of Maven, and is made by the next who asks', async () => {
    using folder = newRoot('install')
    const tools = toolsIn(folder.path)
    writeFileSync(join(folder.path, 'broken'), '')
    expect(install(product(), tools)).rejects.toThrow('no such artifact')
    await Bun.file(join(folder.path, 'broken')).delete()
    expect(existsSync((await install(product(), tools)).template)).toBe(true)
  })

  test('that was cut short in its training is trained again, with nothing of the first time', async () => {
    using folder = newRoot('install')
    const tools = toolsIn(folder.path)
    const cut = product(async ({ archive, template }) => {
      writeFileSync(archive, 'half')
      writeFileSync(join(template, 'half'), '')
      throw new Error('cut')
    })
    expect(install(cut, tools)).rejects.toThrow('cut')
    const { archive, template } = await install(product(), tools)
    expect(await Bun.file(archive).text()).toBe('classes')
    expect(existsSync(join(template, 'half'))).toBe(false)
  })

  test('whose process is killed takes its Maven with it, half a folder too, and frees the lock', async () => {
    using folder = newRoot('install')
    const tools = toolsIn(folder.path)
    const told = join(folder.path, 'told')
    const hanging = script(folder.path, { name: 'slow', text: `${MAVEN}\necho $$ >'${told}'\nexec sleep 60` })
    const code = `import { install } from ${JSON.stringify(join(import.meta.dir, 'install.ts'))}
await install({ name: 'thing', dependencies: ['group:thing:1'] }, ${JSON.stringify({ ...tools, mvn: hanging })})`
    const holder = Bun.spawn(['bun', '-e', code], { stdio: ['ignore', 'ignore', 'ignore'] })
    const maven = await until(() => (existsSync(told) ? Number(readFileSync(told, 'utf8')) : 0), Boolean)
    const next = install(product(), tools)
    expect(await Promise.race([next, Bun.sleep(150).then(() => 'waits')])).toBe('waits')
    holder.kill('SIGKILL')
    const { classpath } = await next
    expect(classpath.split(':').map((jar) => basename(jar))).toEqual(['a.jar'])
    await until(
      () => isAlive(maven),
      (alive) => !alive,
    )
    await until(
      () => readdirSync(join(classpath, '../..')).sort().join(),
      (names) => names === 'classes.jsa,jars,pom.xml,template',
    )
  })
})

describe('a server', () => {
  const planned = (root: string, text: string) => ({
    name: 'thing',
    root,
    command: ['sh', '-c', text],
    startedLine: /serving/,
    answers: async () => true,
  })

  test('that ends instead of serving is an error with the end of its log', async () => {
    using root = newRoot('server')
    expect(startServer(planned(root.path, 'echo the disk is full; exit 3')).started).rejects.toThrow(
      /thing ended before it served.*\nthe disk is full$/,
    )
  })

  test('that goes on talking after the reason for its end is an error with that reason', async () => {
    using root = newRoot('server')
    const text = 'echo ERROR the port is taken; seq 100; exit 3'
    expect(startServer(planned(root.path, text)).started).rejects.toThrow(/\nERROR the port is taken\n76\n.*\n100$/s)
  })

  test('counts as started only by what it logs in this start', async () => {
    using root = newRoot('server')
    const first = startServer(planned(root.path, 'echo serving; exec sleep 60'))
    await first.started
    await first.end('SIGKILL')
    expect(first.isRunning()).toBe(false)
    expect(startServer(planned(root.path, 'echo not yet')).started).rejects.toThrow('ended before it served')
  })

  test('keeps its folder when it ends before the process that started it', async () => {
    using root = newRoot('server')
    mkdirSync(join(root.path, 'data'))
    const server = startServer(planned(root.path, 'echo serving; exec sleep 60'))
    await server.started
    await server.end('SIGKILL')
    // The watcher would have removed it after a second.
    await Bun.sleep(1_500)
    expect(existsSync(join(root.path, 'data'))).toBe(true)
  })
})

describe('ports', () => {
  test('are others at the next attempt when one was taken meanwhile', async () => {
    const tried: number[][] = []
    const got = await onFreePorts(2, async (ports) => {
      tried.push([...ports])
      if (tried.length === 1) throw new Error('Failed to bind: Address already in use')
      return ports
    })
    expect(tried.length).toBe(2)
    expect(new Set(tried.flat()).size).toBe(4)
    expect([...got]).toEqual(tried[1] ?? [])
  })

  test('are not tried again after another failure', () => {
    let count = 0
    const start = async () => {
      count++
      throw new Error('no memory')
    }
    expect(onFreePorts(1, start)).rejects.toThrow('no memory')
    expect(count).toBeLessThanOrEqual(1)
  })
})

describe('a machine', () => {
  const reasonIn = (env: Record<string, string>): string => {
    const found = servicesAvailable(env)
    return found.isAvailable ? 'available' : found.reason
  }
  const java = (version: string) => ({ name: 'java', text: `echo 'openjdk version "${version}" 2025-04-15' >&2` })

  test('without Java, with an old one, without Maven or switched off says so', () => {
    using folder = newRoot('tools')
    const env = { PATH: folder.path }
    expect(reasonIn(env)).toBe('there is no java: install JDK 17')
    script(folder.path, java('11.0.2'))
    expect(reasonIn(env)).toContain('is too old (openjdk version "11.0.2"')
    script(folder.path, java('1.8.0_292'))
    expect(reasonIn(env)).toContain('too old')
    script(folder.path, java('17.0.15'))
    expect(reasonIn(env)).toBe('there is no mvn: install Maven')
    script(folder.path, { name: 'mvn', text: 'exit 0' })
    expect(reasonIn(env)).toBe('available')
    expect(reasonIn({ ...env, TEST_SERVICES: 'off' })).toBe('TEST_SERVICES is off')
  })

  test('of continuous integration must have them', () => {
    using folder = newRoot('tools')
    expect(whyUnavailable({ PATH: folder.path })).toBe('there is no java: install JDK 17')
    expect(() => whyUnavailable({ PATH: folder.path, CI: 'true' })).toThrow('CI needs real Kafka and Cassandra')
  })
})
