/** A thousand callers at once, cold. */

import { OriginalIds } from '../../devtools/original-ids.mjs'
import { median } from '../report.mjs'
import { name, openSequence, server } from './server.mjs'

const CALLERS = 1000
const ROUNDS = 9

/** @param {() => Promise<unknown>} next */
async function burst(next) {
  const begun = performance.now()
  await Promise.all(Array.from({ length: CALLERS }, next))
  return performance.now() - begun
}

export async function run() {
  const { url, ids } = await server()
  /** @type {number[]} */
  const ours = []
  /** @type {number[]} */
  const theirs = []
  let claims = 0
  // Holds the driver's connection open, as the original's is; the sequences in the rounds are cold.
  const held = openSequence(name(), { url })
  await held.ready()
  for (let i = 0; i < ROUNDS; i++) {
    const sequence = openSequence(name(), { url })
    ours.push(await burst(() => sequence.nextId()))
    claims = Math.max(claims, sequence.stats().claims)
    await sequence.close()
    const original = await OriginalIds.open(ids, name(), 10)
    theirs.push(await burst(() => original.nextId()))
  }
  await held.close()
  const ratio = median(theirs) / median(ours)
  return [
    { what: 'the original algorithm, step 10', value: median(theirs), unit: 'ms' },
    {
      what: 'texample',
      value: median(ours),
      unit: 'ms',
      ratio: 1 / ratio,
      than: 'the original',
      goal: '10 times faster',
      met: ratio >= 10,
    },
    { what: 'claims', value: claims, unit: 'claims', goal: 'at most 2', met: claims <= 2 },
  ]
}
