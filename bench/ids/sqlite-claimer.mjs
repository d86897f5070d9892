/**
 * Claims flat out on a SQLite file, and prints how long each claim took that began from one time to
 * another: `node sqlite-claimer.mjs WAY FILE FROM TO UNTIL`, in milliseconds since 1970.
 */

import { subscribe } from 'node:diagnostics_channel'
import { openSequence } from './server.mjs'
import { claimRaw } from './sqlite-raw.mjs'

const [way, file, ...times] = process.argv.slice(2)
const [from, to, until] = times.map(Number)
/** @type {number[]} */
const durations = []
let failures = 0

/** @param {number} duration */
function record(duration) {
  const begun = Date.now() - duration
  if (from <= begun && begun < to) durations.push(duration)
}

if (way === 'texample') {
  subscribe('texample:ids:claim', (/** @type {any} */ { duration }) => record(duration))
  subscribe('texample:ids:error', () => failures++)
  const sequence = openSequence('bench', { url: `sqlite:${file}`, step: 1, maxStep: 1, horizon: 0 })
  while (Date.now() < until) await sequence.nextIds(1)
  await sequence.close()
} else {
  const claim = claimRaw(file)
  while (Date.now() < until) {
    const begun = performance.now()
    claim()
    record(performance.now() - begun)
  }
}
process.stdout.write(JSON.stringify({ durations, failures }))
