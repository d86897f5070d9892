/** 10 000 ids a second for a minute, default options, from a cold start. */

import { OriginalIds } from '../../devtools/original-ids.mjs'
import { pace } from './pacer.mjs'
import { name, openSequence, server } from './server.mjs'

const RATE = 10_000
const MS = Number(process.env.BENCH_PACED_MS ?? 60_000)

export async function run() {
  const { url, ids } = await server()
  const sequence = openSequence(name(), { url })
  /** @type {number | undefined} */
  let afterFirst
  const ours = await pace(
    () => sequence.nextId(),
    RATE,
    MS,
    (elapsed) => {
      if (elapsed >= 1000) afterFirst ??= sequence.stats().waits
    },
  )
  const { waits, claims, issued } = sequence.stats()
  await sequence.close()
  const grown = waits - (afterFirst ?? 0)
  const original = await OriginalIds.open(ids, name(), 1000)
  const theirs = await pace(() => original.nextId(), RATE, 5000)
  return [
    { what: `ids, at ${RATE} a second`, value: issued, unit: 'ids' },
    { what: 'calls that waited after the first second', value: grown, unit: 'calls', goal: 'none', met: grown === 0 },
    { what: 'claims', value: claims, unit: 'claims', goal: 'at most 60 a minute', met: claims <= 60 },
    share('texample, calls over 0.5 ms', ours),
    share('the original, step 1000, calls over 0.5 ms', theirs),
  ]
}

/**
 * @param {string} what
 * @param {{ waits: number[] }} result
 */
function share(what, { waits }) {
  return { what, value: (waits.filter((ms) => ms > 0.5).length / waits.length) * 100, unit: '%' }
}
