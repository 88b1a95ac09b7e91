/** A terminal whose last line is rewritten in place, below what is printed otherwise. Without a tty that line is left out. */
export interface Terminal {
  isTty: boolean
  print(text: string): void
  /** Replaces the status line; empty removes it. */
  status(text: string): void
}

export interface Output {
  isTTY?: boolean
  columns?: number
  write(text: string): unknown
}

const CLEAR_LINE = '\r\u001B[2K'

export function createTerminal(output: Output): Terminal {
  const isTty = output.isTTY === true
  let shown = ''
  return {
    isTty,
    print(text) {
      if (shown === '') output.write(`${text}\n`)
      else output.write(`${CLEAR_LINE}${text}\n${shown}`)
    },
    status(text) {
      if (!isTty) return
      const width = (output.columns || 80) - 1
      const fitted = text.length > width ? `${text.slice(0, Math.max(0, width - 1))}…` : text
      if (fitted === shown) return
      output.write(CLEAR_LINE + fitted)
      shown = fitted
    },
  }
}
