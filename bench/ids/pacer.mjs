/** Calls at a steady rate, as a service has them. */

/**
 * Calls `next` at `rate` a second for `ms`, and returns how long each call took.
 * @param {() => Promise<unknown>} next
 * @param {number} rate
 * @param {number} ms
 * @param {(elapsed: number) => void} [each] told the time at every turn
 */
export async function pace(next, rate, ms, each) {
  /** @type {number[]} */
  const waits = []
  /** @type {unknown[]} */
  const failures = []
  const begun = performance.now()
  const pending = new Set()
  for (let made = 0, elapsed = 0; elapsed < ms; elapsed = performance.now() - begun) {
    for (const due = Math.floor((elapsed / 1000) * rate); made < due; made++) {
      const from = performance.now()
      const call = next().then(
        () => waits.push(performance.now() - from),
        (error) => failures.push(error),
      )
      pending.add(call)
      call.finally(() => pending.delete(call))
    }
    each?.(elapsed)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await Promise.all(pending)
  return { waits, failures }
}
