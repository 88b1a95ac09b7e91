import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { requiredTools, type Tools } from './java.ts'
import { locked } from './lock.ts'
import { underWatch } from './watch.ts'

const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies'
/** Native code for other systems than these tests run on, and a TLS library of 20 MB. */
const LEFT_OUT = ['-DexcludeClassifiers=windows-x86_64', '-DexcludeArtifactIds=netty-tcnative-boringssl-static']
/** Raise it when a change of the launcher makes installed class archives or empty data wrong. */
const LAYOUT = 1

export interface Product {
  name: string
  /** `group:artifact:version` */
  dependencies: readonly string[]
  /** Starts the server once: leaves its class archive at `archive` and empty data in the folder `template`. */
  train(installed: Installed): Promise<void>
}

export interface Installed {
  java: string
  classpath: string
  /** A class archive (AppCDS): without it a start takes twice as long. */
  archive: string
  /** A folder of data to start from: what a first start writes, without the time that it takes. */
  template: string
}

/** Installs the product unless it is there already. Any number of processes may ask at once; one works. */
export async function install(product: Product, tools: Tools = requiredTools()): Promise<Installed> {
  const text = pom(product)
  // Class archives are for one build of Java only.
  const key = Bun.hash(JSON.stringify([LAYOUT, text, tools.javaVersion])).toString(36)
  const folder = join(tools.cache, `${product.name}-${key}`)
  if (!existsSync(join(folder, 'template'))) {
    mkdirSync(tools.cache, { recursive: true })
    // One lock for all products, for two Mavens must not write to the local repository at once.
    await locked(join(tools.cache, 'install.lock'), async () => {
      if (existsSync(join(folder, 'template'))) return
      console.warn(`test servers: installing ${product.name} in ${folder}`)
      await fetchJars(folder, { text, tools })
      await trainOnce(product, { java: tools.java, folder })
    })
  }
  return installedIn(folder, tools.java)
}

/** An archive is bound to the paths of its jars, so they are in their last place before the training. */
async function fetchJars(folder: string, { text, tools }: { text: string; tools: Tools }): Promise<void> {
  const jars = join(folder, 'jars')
  if (existsSync(jars)) return
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  writeFileSync(join(folder, 'pom.xml'), text)
  // A name of its own, for the Maven of a process that was killed may still write for a moment.
  const fresh = `${jars}-${process.pid}.new`
  const output = `-DoutputDirectory=${fresh}`
  await succeed(fresh, [tools.mvn, '-B', '-q', '-C', '-f', join(folder, 'pom.xml'), COPY, output, ...LEFT_OUT])
  renameSync(fresh, jars)
}

/** The template comes last: where it is, everything is. */
async function trainOnce(product: Product, { java, folder }: { java: string; folder: string }): Promise<void> {
  const final = installedIn(folder, java)
  const fresh: Installed = { ...final, archive: `${final.archive}.new`, template: `${final.template}.new` }
  rmSync(fresh.archive, { force: true })
  rmSync(fresh.template, { recursive: true, force: true })
  mkdirSync(fresh.template)
  await product.train(fresh)
  renameSync(fresh.archive, final.archive)
  renameSync(fresh.template, final.template)
}

const installedIn = (folder: string, java: string): Installed => ({
  java,
  // In a fixed order, for an archive is bound to it.
  classpath: existsSync(join(folder, 'jars'))
    ? readdirSync(join(folder, 'jars'))
        .sort()
        .map((jar) => join(folder, 'jars', jar))
        .join(':')
    : '',
  archive: join(folder, 'classes.jsa'),
  template: join(folder, 'template'),
})

/** Runs a tool to its end; an error holds what it printed. When this process dies, tool and folder go, too. */
export async function succeed(folder: string, command: readonly string[]): Promise<void> {
  const child = Bun.spawn(underWatch(folder, command), { stdin: 'pipe', stdout: 'pipe', stderr: 'pipe' })
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  if (code !== 0) throw new Error(`${command[0]} failed (${code}):\n${stdout}${stderr}`)
}

const pom = ({ name, dependencies }: Product): string => `<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>stockpipe.test</groupId>
  <artifactId>${name}</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
${dependencies.map(dependency).join('\n')}
  </dependencies>
</project>
`

const dependency = (coordinates: string): string => {
  const [group, artifact, version] = coordinates.split(':')
  return `    <dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`
}
