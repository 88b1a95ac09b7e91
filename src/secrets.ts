/** The one place that keeps secrets out of what leaves this process: logs, errors, states. */
const HIDDEN = '***'
/** Shorter ones are part of many words: hiding them would tell where they are, and spoil every text. */
const SHORTEST = 4
/** Of a secret in other clothes. */
const SHORTEST_FORM = 6
/** So much of the beginning of a secret, cut off by `...`, is a secret too. */
const PART = 8
const CUT = /^(?:\.\.\.|…)/

/**
 * What this process knows and nobody may read. Grows while options are read; whoever holds it hides all that is known
 * when a text is written.
 */
export class Secrets {
  /** As they may be written, the longest first: one may be part of another. */
  #forms: readonly string[] = []
  /** What each of them begins with. */
  #signs: readonly string[] = []

  constructor(...secrets: readonly (string | null | undefined)[]) {
    this.add(...secrets)
  }

  /** Too short ones are left out. */
  add(...secrets: readonly (string | null | undefined)[]): void {
    const forms = secrets.filter((secret) => secret != null).filter(({ length }) => length >= SHORTEST)
    this.#forms = [...new Set([...this.#forms, ...forms.flatMap(formsOf)])].sort((a, b) => b.length - a.length)
    this.#signs = [...new Set(this.#forms.map((form) => form.slice(0, PART)))]
  }

  /** Costs next to nothing where there is nothing to hide. */
  hide(text: string): string {
    if (!this.#signs.some((sign) => text.includes(sign))) return text
    return this.#forms.reduce((shown, form) => withoutBeginnings(shown.replaceAll(form, HIDDEN), form), text)
  }

  /** Plain data, each text in it as `hide` gives it: before it is written as JSON or YAML, which it stays then. */
  hideIn(data: unknown): unknown {
    if (typeof data === 'string') return this.hide(data)
    if (Array.isArray(data)) return data.map((one: unknown) => this.hideIn(one))
    if (typeof data !== 'object' || data === null) return data
    return Object.fromEntries(Object.entries(data).map(([name, one]) => [name, this.hideIn(one)]))
  }
}

/** Plain, as JSON and as a URL writes it, and as base64 of a text that it is part of, whatever stands before it. */
function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret)
  const encoded = [0, 1, 2].flatMap((before) => base64Core(bytes, before))
  const json = JSON.stringify(secret).slice(1, -1)
  const urls = [encodeURIComponent(secret), new URLSearchParams({ _: secret }).toString().slice(2)]
  // An answer in JSON may hold another one.
  const others = [json, JSON.stringify(json).slice(1, -1), ...urls, ...encoded]
  return [secret, ...others.filter(({ length }) => length >= SHORTEST_FORM)]
}

/** The characters that depend on the secret alone; all of them where nothing stands before it. */
function base64Core(bytes: Buffer, before: number): string[] {
  const from = Math.ceil((before * 8) / 6)
  const to = Math.floor(((before + bytes.length) * 8) / 6)
  const text = Buffer.concat([Buffer.alloc(before), bytes])
  return (['base64', 'base64url'] as const).flatMap((encoding) => {
    const whole = text.toString(encoding)
    return [whole.slice(from, to), ...(before === 0 ? [whole] : [])]
  })
}

function withoutBeginnings(text: string, form: string): string {
  const beginning = form.slice(0, PART)
  if (form.length < 2 * PART || !text.includes(beginning)) return text
  return text
    .split(beginning)
    .map((rest, index) => (index === 0 ? rest : withoutBeginning(rest, form)))
    .join('')
}

/** `rest`: what follows the beginning in the text. */
function withoutBeginning(rest: string, form: string): string {
  let more = 0
  while (more < form.length - PART && rest[more] === form[PART + more]) more++
  return CUT.test(rest.slice(more)) ? HIDDEN + rest.slice(more) : form.slice(0, PART) + rest
}
