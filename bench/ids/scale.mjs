/**
 * Beyond this machine: many services on one sequence, simulated. The document is a queue that does
 * `CAPACITY` claims a second; each service claims what covers its horizon whenever less than that
 * is in hand, as the pool does.
 *
 * What counts is how much of its horizon a service still had when its claim was done: at nothing
 * its callers wait.
 */

const CAPACITY = 800
const SECONDS = 600

/** A generator with a seed: the same table every time. @param {number} seed */
function random(seed) {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** The service that claims next is on top. */
class Heap {
  /** @type {{ at: number, level: number, since: number }[]} */
  items = []

  /** @param {{ at: number, level: number, since: number }} item */
  push(item) {
    const { items } = this
    let i = items.push(item) - 1
    for (let up = (i - 1) >> 1; i > 0 && items[up].at > item.at; i = up, up = (i - 1) >> 1) items[i] = items[up]
    items[i] = item
  }

  pop() {
    const { items } = this
    const top = items[0]
    const last = items.pop()
    if (last && items.length > 0) {
      let i = 0
      for (;;) {
        let down = 2 * i + 1
        if (down >= items.length) break
        if (down + 1 < items.length && items[down + 1].at < items[down].at) down++
        if (items[down].at >= last.at) break
        items[i] = items[down]
        i = down
      }
      items[i] = last
    }
    return top
  }
}

/**
 * @param {{ services: number, rate: number, horizon?: number, step?: number, maxStep?: number,
 *   outage?: number }} world rate in ids a second; outage in seconds without a primary, after half
 *   of the time
 */
export function simulate({ services, rate, horizon = 15, step = 10, maxStep = 1_000_000, outage = 0 }) {
  const next = random(1)
  const mark = rate * horizon
  const size = Math.min(Math.max(mark, step), maxStep)
  const heap = new Heap()
  // All are warm, and somewhere between two claims.
  for (let i = 0; i < services; i++) {
    const ahead = next() * size
    heap.push({ at: ahead / rate, level: mark + ahead, since: 0 })
  }
  let free = 0
  let busy = 0
  let claims = 0
  let late = 0
  let least = Number.POSITIVE_INFINITY
  const from = SECONDS / 2
  for (;;) {
    const service = heap.pop()
    if (service.at > SECONDS) break
    let begins = Math.max(service.at, free)
    if (begins >= from && begins < from + outage) begins = from + outage
    const takes = (0.5 + next()) / CAPACITY
    free = begins + takes
    if (free > SECONDS) break
    busy += takes
    claims++
    // What was in hand when the range came; below nothing, callers waited for it.
    const level = service.level - (free - service.since) * rate
    least = Math.min(least, Math.max(level, 0) / rate)
    if (level < 0) late++
    const now = Math.max(level, 0) + size
    heap.push({ at: free + Math.max(now - mark, 0) / rate, level: now, since: free })
  }
  return { load: busy / SECONDS, claims: claims / SECONDS, least, late: late / claims }
}

export async function run() {
  /** @type {import('./report.mjs').Row[]} */
  const rows = []
  for (const world of [
    { services: 100, rate: 1000 },
    { services: 1000, rate: 1000 },
    { services: 10_000, rate: 1000 },
    { services: 1000, rate: 60_000 },
    { services: 1000, rate: 1000, outage: 11 },
    { services: 5000, rate: 1000, outage: 11 },
    { services: 1000, rate: 1000, maxStep: 1000 },
    { services: 1000, rate: 1000, maxStep: 1000, outage: 11 },
  ]) {
    const { load, least, late } = simulate(world)
    const { services, rate, maxStep, outage } = world
    const what = `${services} × ${rate}/s${maxStep ? `, maxStep ${maxStep}` : ''}${outage ? `, ${outage} s outage` : ''}`
    const waits = `of what the document bears; ${(late * 100).toFixed(1)} % of the claims came too late`
    rows.push({ what, value: least, unit: 's left', ratio: load, than: waits })
  }
  return rows
}
