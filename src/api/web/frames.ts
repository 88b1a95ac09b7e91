/** Also where nothing is painted, as in a tab in the background, whose title is read all the same. */
const LATEST_MS = 1_000

/** Draws with the next frame, once for all who ask before it. */
export class Frames {
  readonly #draw: () => void
  #cancel: (() => void) | null = null

  constructor(draw: () => void) {
    this.#draw = draw
  }

  ask(): void {
    if (this.#cancel !== null) return
    const run = () => {
      this.#cancel?.()
      this.#cancel = null
      this.#draw()
    }
    const [frame, timer] = [requestAnimationFrame(run), setTimeout(run, LATEST_MS)]
    this.#cancel = () => {
      cancelAnimationFrame(frame)
      clearTimeout(timer)
    }
  }
}
