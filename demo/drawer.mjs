/**
 * One of the processes that draw ids for the page, in the new way and in the old: a few all the
 * time, many on a burst.
 */

import diagnostics from 'node:diagnostics_channel'
import { openSequence } from 'texample'
import { openOriginal } from './original.mjs'

const turnMs = 20
const idsATurn = 4
const idsABurst = 10_000
const frameMs = 100
// A call that takes longer was not answered from memory.
const waitMs = 0.5

const sequence = openSequence('demo')
const original = openOriginal('demo-original')
const sides = {
  texample: { draw: () => sequence.nextId(), issued: 0, waits: 0, longest: 0, isBusy: false },
  original: { draw: original.nextId, issued: 0, waits: 0, longest: 0, isBusy: false },
}

/** @type {[number, number][]} time and id */
let drawn = []
/** @type {[number, number][]} time and first id of each range claimed */
let claims = []

diagnostics.subscribe('texample:ids:claim', (event) => {
  if (event.sequence === 'demo') claims.push([Date.now(), Number(event.first)])
})

async function draw(side) {
  const asked = performance.now()
  const id = await side.draw()
  const took = performance.now() - asked
  side.issued += 1
  if (took > waitMs) side.waits += 1
  side.longest = Math.max(side.longest, took)
  return id
}

/** Draws a few ids one after the other; while that lasts, a turn is missed. */
async function turn(side) {
  if (side.isBusy) return
  side.isBusy = true
  try {
    for (let n = 0; n < idsATurn; n += 1) {
      const id = await draw(side)
      if (n === 0 && side === sides.texample) drawn.push([Date.now(), id])
    }
  } catch (error) {
    failed(error)
  }
  side.isBusy = false
}

function failed(error) {
  tell({ error: error.message })
}

/** Where the server has gone, that is no news: the disconnection says so next. */
function tell(news) {
  if (process.connected) process.send(news, () => {})
}

const turns = setInterval(() => {
  turn(sides.texample)
  turn(sides.original)
}, turnMs)
const frames = setInterval(() => {
  const counts = ({ issued, waits, longest }) => ({ issued, waits, longest })
  tell({ drawn, claims, texample: counts(sides.texample), original: counts(sides.original) })
  drawn = []
  claims = []
}, frameMs)

process.on('message', (message) => {
  if (message !== 'burst') return
  for (const side of [sides.texample, sides.original]) {
    Promise.all(Array.from({ length: idsABurst }, () => draw(side))).catch(failed)
  }
})

// Ctrl-C reaches the whole group of processes; the server decides when this one ends.
process.on('SIGINT', () => {})
async function end() {
  clearInterval(turns)
  clearInterval(frames)
  await Promise.all([sequence.close(), original.close()])
}

// The server may have gone while this was still loading.
if (process.connected) process.once('disconnect', end)
else end()
