/** A text that the browser keeps. One that keeps nothing refuses by throwing; then the page goes on without. */
export class Kept {
  readonly #key: string
  readonly #storage: () => Storage

  /** Naming the storage may already throw, so it is named when it is used. */
  constructor(key: string, storage: () => Storage) {
    this.#key = key
    this.#storage = storage
  }

  read(): string | null {
    try {
      return this.#storage().getItem(this.#key)
    } catch {
      return null
    }
  }

  write(text: string): void {
    try {
      this.#storage().setItem(this.#key, text)
    } catch {
      // As said above.
    }
  }
}
