/** Programs of the node and of small images, and kubectl, built once per change. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { succeed } from '../services/install.ts'
import { locked } from '../services/lock.ts'
import { type Means, requiredMeans } from './means.ts'

/** What its daemons say their version is; the same as in go.mod. */
const KUBERNETES = '1.34.4'
const COREDNS = '1.12.4'

const VERSION = 'k8s.io/component-base/version'
const [MAJOR, MINOR] = KUBERNETES.split('.')
const KUBE_FLAGS = [
  `-X ${VERSION}.gitVersion=v${KUBERNETES}`,
  `-X ${VERSION}.gitMajor=${MAJOR}`,
  `-X ${VERSION}.gitMinor=${MINOR}`,
  `-X ${VERSION}.gitTreeState=clean`,
]

/** Folder of its module, and of the program in there. */
const PROGRAMS = {
  kube: ['daemons', 'kube'],
  coredns: ['daemons', 'coredns'],
  pause: ['daemons', 'pause'],
  standin: ['standin', '.'],
  kubectl: ['kubectl', '.'],
} as const
export type Program = keyof typeof PROGRAMS

/** Tags of the images that the node itself runs. */
export const PAUSE_IMAGE = 'localhost/stockpipe-test-pause:1'
export const COREDNS_IMAGE = `localhost/stockpipe-test-coredns:${COREDNS}`

/** The path of the program, built unless it is there. Any number of processes may ask at once; one works. */
export async function build(program: Program, means: Means = requiredMeans()): Promise<string> {
  const flags = ['-s', '-w', ...(program === 'kube' ? KUBE_FLAGS : [])].join(' ')
  const folder = join(means.cache, 'programs')
  const path = join(folder, `${program}-${keyOf(program, [flags, means.goVersion])}`)
  if (existsSync(path)) return path
  mkdirSync(folder, { recursive: true })
  await locked(join(means.cache, 'build.lock'), async () => {
    if (existsSync(path)) return
    console.warn(`test cluster: building ${program}${program === 'kube' ? ', the first time for 10 minutes' : ''}`)
    const work = mkdtempSync(join(folder, 'work-'))
    try {
      await succeed(work, compile(program, { go: means.go, flags, output: join(work, program) }))
      renameSync(join(work, program), path)
    } finally {
      rmSync(work, { recursive: true, force: true })
    }
  })
  return path
}

interface Compile {
  go: string
  flags: string
  output: string
}

const compile = (program: Program, { go, flags, output }: Compile): string[] => {
  // The linker takes 2 GiB as it is.
  const nicely = ['env', 'CGO_ENABLED=0', 'GOMEMLIMIT=3GiB', 'GOFLAGS=-buildvcs=false', 'nice']
  const what = ['-C', moduleOf(program), '-trimpath', '-ldflags', flags, '-o', output, `./${PROGRAMS[program][1]}`]
  return [...nicely, go, 'build', ...what]
}

const moduleOf = (program: Program): string => join(import.meta.dir, PROGRAMS[program][0])

/** Changes with the sources, the versions of everything, and the compiler. */
function keyOf(program: Program, more: readonly string[]): string {
  const module = moduleOf(program)
  const sources = readdirSync(join(module, PROGRAMS[program][1])).filter((name) => name.endsWith('.go'))
  const files = ['go.mod', 'go.sum', ...sources.map((name) => join(PROGRAMS[program][1], name))]
  const texts = files.sort().map((name) => [name, readFileSync(join(module, name), 'utf8')])
  return Bun.hash(JSON.stringify([texts, more])).toString(36)
}
