/** One of the processes that draw ids for the page: some all the time, many on a burst. */

import diagnostics from 'node:diagnostics_channel'
import { openSequence } from 'texample'
import { originalIds } from './original.mjs'

const turnMs = 20
const idsATurn = 6
const idsABurst = 10_000
const frameMs = 100

const sequence = openSequence('demo', { horizon: 3000 })
const fixed = openSequence('demo-original', { step: 10, maxStep: 10, horizon: 0 })
const sides = {
  texample: { draw: () => sequence.nextId(), issued: 0, waits: 0, longest: 0 },
  original: { draw: originalIds(() => fixed.nextIds(10)), issued: 0, waits: 0, longest: 0 },
}

/** @type {[number, number][]} time and id */
let drawn = []
/** @type {[number, number][]} time and first id of each range claimed */
let claims = []

diagnostics.subscribe('texample:ids:claim', (event) => {
  if (event.sequence === 'demo') claims.push([Date.now(), event.first])
})

/** Draws one id and notes how long that took; a wait is what takes longer than a turn of the event loop's queue. */
async function draw(side) {
  const asked = performance.now()
  const id = await side.draw()
  const took = performance.now() - asked
  side.issued += 1
  if (took > 0.5) side.waits += 1
  side.longest = Math.max(side.longest, took)
  return id
}

async function turn() {
  for (let n = 0; n < idsATurn; n += 1) {
    const id = await draw(sides.texample)
    if (n === 0) drawn.push([Date.now(), id])
    await draw(sides.original)
  }
}

const failed = (error) => process.send?.({ error: error.message })
const turns = setInterval(() => turn().catch(failed), turnMs)
const frames = setInterval(() => {
  const counts = (side) => ({ issued: side.issued, waits: side.waits, longest: side.longest })
  process.send?.({ drawn, claims, texample: counts(sides.texample), original: counts(sides.original) })
  drawn = []
  claims = []
}, frameMs)

process.on('message', (message) => {
  if (message !== 'burst') return
  for (let n = 0; n < idsABurst; n += 1) draw(sides.texample).catch(failed)
})

// The server decides when to end; Ctrl-C reaches the whole group of processes.
process.on('SIGINT', () => {})
process.once('disconnect', async () => {
  clearInterval(turns)
  clearInterval(frames)
  await Promise.all([sequence.close(), fixed.close()])
})
