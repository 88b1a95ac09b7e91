/**
 * The origin (`live`, `simulated`, `replay`) that a topic or a store on a server carries, so that nobody takes made-up
 * prices for real ones. Throws as the broker or the store that holds it does.
 */
export interface Stamp {
  /** Null: nobody stamped it yet. */
  read(): Promise<string | null>
  /** Stamps what has no stamp. Resolves to the stamp that is there: of several who claim at once, all get the same. */
  claim(origin: string): Promise<string>
}
