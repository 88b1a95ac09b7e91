/** Asking costs time of the machine, too: the longer it lasts the less often, ms. */
const [FIRST_WAIT_MS, LONGEST_WAIT_MS, GROWTH] = [10, 100, 1.15]

/** Asks until the answer is as wanted; the test's own limit ends it otherwise. */
export async function until<Value>(
  ask: () => Value | Promise<Value>,
  isDone: (value: Value) => boolean,
): Promise<Value> {
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * GROWTH, LONGEST_WAIT_MS)) {
    const value = await ask()
    if (isDone(value)) return value
    await Bun.sleep(wait)
  }
}
