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

/**
 * Puts a service among the others, the next one to claim first.
 * @param {{ at: number, level: number, since: number }[]} services
 * @param {{ at: number, level: number, since: number }} service
 */
function insert(services, service) {
  let from = 0
  for (let to = services.length; from < to; ) {
    const middle = (from + to) >> 1
    if (services[middle].at <= service.at) from = middle + 1
    else to = middle
  }
  services.splice(from, 0, service)
}

/**
 * @param {{ services: number, rate: number, horizon?: number, step?: number, maxStep?: number,
 *   outage?: number }} world rate in ids a second; outage in seconds without a primary, after half
 *   of the time
 */
function simulate({ services, rate, horizon = 15, step = 10, maxStep = 1_000_000, outage = 0 }) {
  const next = random(1)
  const mark = rate * horizon
  const size = Math.min(Math.max(mark, step), maxStep)
  /** @type {{ at: number, level: number, since: number }[]} */
  const waiting = []
  // All are warm, and somewhere between two claims.
  for (let i = 0; i < services; i++) {
    const ahead = next() * size
    insert(waiting, { at: ahead / rate, level: mark + ahead, since: 0 })
  }
  let free = 0
  let busy = 0
  let claims = 0
  let late = 0
  let least = Number.POSITIVE_INFINITY
  const from = SECONDS / 2
  for (let service = waiting.shift(); service && service.at <= SECONDS; service = waiting.shift()) {
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
    insert(waiting, { at: free + Math.max(now - mark, 0) / rate, level: now, since: free })
  }
  return { load: busy / SECONDS, claims: claims / SECONDS, least, late: late / claims }
}

export async function run() {
  /** @type {import('../report.mjs').Row[]} */
  const rows = []
  for (const world of [
    { services: 100, rate: 1000 },
    { services: 1000, rate: 1000 },
    { services: 10_000, rate: 1000 },
    { services: 1000, rate: 60_000 },
    { services: 5000, rate: 1000, outage: 11 },
    { services: 1000, rate: 1000, maxStep: 1000 },
  ]) {
    const { load, least, late } = simulate(world)
    const { services, rate, maxStep, outage } = world
    const what = `${services} × ${rate}/s${maxStep ? `, maxStep ${maxStep}` : ''}${outage ? `, ${outage} s outage` : ''}`
    const waits = `of what the document bears; ${(late * 100).toFixed(1)} % of the claims came too late`
    rows.push({ what, value: least, unit: 's left', ratio: load, than: waits })
  }
  return rows
}
