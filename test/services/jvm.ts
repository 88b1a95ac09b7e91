import type { Installed } from './install.ts'

const COMMON = [
  // A small machine: no threads for collecting garbage side by side, no shared memory for jstat.
  '-XX:+UseSerialGC',
  '-XX:-UsePerfData',
  '-XX:+ExitOnOutOfMemoryError',
  // Warnings about the class archive, too, would stand at the head of every log.
  '-Xlog:disable',
  '-Xlog:all=error:stderr',
]

export interface Jvm {
  installed: Installed
  heap: string
  /** Of the server, and what libraries unpack goes there: a killed one would leave it in the machine's own. */
  root: string
  options: readonly string[]
  /** Main class and its arguments. */
  main: readonly string[]
  /** Compiles for speed under load, which costs half as much CPU time again while it starts. */
  isForLoad?: boolean | undefined
  /** Writes the class archive at the end instead of using it. */
  isTraining: boolean
}

export const javaCommand = ({ installed, heap, root, options, main, isForLoad = false, isTraining }: Jvm): string[] => [
  installed.java,
  isTraining ? `-XX:ArchiveClassesAtExit=${installed.archive}` : `-XX:SharedArchiveFile=${installed.archive}`,
  ...COMMON,
  ...(isForLoad ? [] : ['-XX:TieredStopAtLevel=1']),
  `-Xmx${heap}`,
  `-Djava.io.tmpdir=${root}`,
  ...options,
  '-cp',
  installed.classpath,
  ...main,
]
