/** Asks until the answer is as wanted; the test's own limit ends it otherwise. */
export async function until<Value>(
  ask: () => Value | Promise<Value>,
  isDone: (value: Value) => boolean,
): Promise<Value> {
  for (;;) {
    const value = await ask()
    if (isDone(value)) return value
    await Bun.sleep(20)
  }
}
