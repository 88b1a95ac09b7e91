/** As much of a Dockerfile's language as ours uses. */
export interface Instruction {
  name: string
  text: string
}

export interface CopyLine {
  options: readonly string[]
  sources: readonly string[]
  target: string
}

export interface Stage {
  image: string
  copies: readonly CopyLine[]
  /** The texts of its instructions of one name. */
  of(name: string): string[]
}

/** Without comments, continued lines joined. */
export const instructionsOf = (dockerfile: string): Instruction[] =>
  dockerfile
    .replaceAll(/^\s*#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', text = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? []
      return { name, text }
    })

export function stagesOf(instructions: readonly Instruction[]): Stage[] {
  const stages: { image: string; lines: Instruction[] }[] = []
  for (const line of instructions)
    if (line.name === 'FROM') stages.push({ image: line.text.split(' ')[0] ?? '', lines: [] })
    else stages.at(-1)?.lines.push(line)
  return stages.map(({ image, lines }) => {
    const of = (name: string) => lines.filter((line) => line.name === name).map(({ text }) => text)
    return { image, of, copies: of('COPY').map(copyOf) }
  })
}

function copyOf(text: string): CopyLine {
  const words = text.split(/\s+/)
  const options = words.filter((word) => word.startsWith('--'))
  const paths = words.filter((word) => !word.startsWith('--'))
  return { options, sources: paths.slice(0, -1), target: paths.at(-1) ?? '' }
}
