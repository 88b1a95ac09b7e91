import { Secrets } from './secrets.ts'

/** A terminal whose last lines are rewritten in place, below what is printed otherwise. Without a tty they are left out. */
export interface Terminal {
  isTty: boolean
  print(text: string): void
  /** Replaces the status, one line or several; empty removes it. */
  status(text: string): void
}

export interface Output {
  isTTY?: boolean
  columns?: number
  write(text: string): unknown
}

const CLEAR_LINE = '\r\u001B[2K'
const UP = '\u001B[1A'

/** No secret gets onto it, not even one that is cut at its edge. */
export function createTerminal(output: Output, secrets = new Secrets()): Terminal {
  const isTty = output.isTTY === true
  let shown = ''
  const clear = () => CLEAR_LINE + (UP + CLEAR_LINE).repeat(shown.split('\n').length - 1)
  return {
    isTty,
    print(words) {
      const text = secrets.hide(words)
      if (shown === '') output.write(`${text}\n`)
      else output.write(`${clear()}${text}\n${shown}`)
    },
    status(text) {
      if (!isTty) return
      const width = (output.columns || 80) - 1
      const fitted = secrets
        .hide(text)
        .split('\n')
        .map((line) => fit(line, width))
        .join('\n')
      if (fitted === shown) return
      output.write(clear() + fitted)
      shown = fitted
    },
  }
}

const fit = (line: string, width: number): string =>
  line.length > width ? `${line.slice(0, Math.max(0, width - 1))}…` : line
