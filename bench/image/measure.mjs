/** Times of runs in turns: those of one round share the machine's load. */

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { median } from '../report.mjs'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc')

/**
 * Each begins without the garbage of the one before: a run pays for its own in its own time. The
 * young one alone: a whole collection also gives memory back, which the next one would pay for.
 */
export const collectGarbage = () => gc({ type: 'minor' })

/**
 * The median of the time that each of `runs` takes, in nanoseconds, over rounds in which each runs
 * for `slice` ms. A run that throws has no time.
 * @param {[string, () => unknown][]} runs
 * @param {{ rounds?: number, slice?: number }} [options]
 * @returns {Promise<Map<string, number>>}
 */
export async function measure(runs, { rounds = 7, slice = 40 } = {}) {
  /** @type {Map<string, number[]>} */
  const times = new Map()
  const counts = new Map()
  for (const [name, run] of runs) {
    try {
      // Warms up, and finds how many calls fill a slice.
      let count = 0
      const start = performance.now()
      while (performance.now() - start < slice || count < 3) {
        await run()
        count++
      }
      counts.set(name, Math.max(1, Math.round((count * slice) / (performance.now() - start))))
      times.set(name, [])
    } catch {
      counts.set(name, 0)
    }
  }
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of runs) {
      const count = counts.get(name)
      if (count === 0) continue
      collectGarbage()
      const isAsync = run() instanceof Promise
      const start = process.hrtime.bigint()
      if (isAsync) for (let call = 0; call < count; call++) await run()
      else for (let call = 0; call < count; call++) run()
      times.get(name)?.push(Number(process.hrtime.bigint() - start) / count)
    }
  }
  return new Map(runs.map(([name]) => [name, median(times.get(name) ?? [])]))
}
