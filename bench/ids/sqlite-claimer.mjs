/** Claims flat out on a SQLite file, and prints how long each claim took: `node sqlite-claimer.mjs FILE MS`. */

import { subscribe } from 'node:diagnostics_channel'
import { openSequence } from './server.mjs'

const [file, ms] = process.argv.slice(2)
/** @type {number[]} */
const durations = []
subscribe('texample:ids:claim', (/** @type {any} */ { duration }) => durations.push(duration))
const sequence = openSequence('bench', { url: `sqlite:${file}`, step: 1, maxStep: 1, horizon: 0 })
await sequence.ready()
for (const end = performance.now() + Number(ms); performance.now() < end; ) await sequence.nextIds(1)
// The first claims open the file and load the code.
process.stdout.write(JSON.stringify(durations.slice(20)), () => process.exit())
