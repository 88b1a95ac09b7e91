/** Runs the task now, and anew each time that this long has passed since it ended. It must not reject. */
export async function every(ms: number, task: () => Promise<void>): Promise<never> {
  for (;;) {
    await task()
    await new Promise((resolve) => setTimeout(resolve, ms))
  }
}
