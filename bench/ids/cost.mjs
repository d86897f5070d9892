/** A claim's cost against what was issued, and memory against the rate. */

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { median } from '../report.mjs'
import { name, openSequence, server } from './server.mjs'

const CLAIMS = 1500

export async function run() {
  const { url } = await server()
  /** @type {number[]} */
  const durations = []
  const listen = (/** @type {any} */ { duration }) => durations.push(duration)
  subscribe('texample:ids:claim', listen)
  const fixed = openSequence(name(), { url, step: 1000, maxStep: 1000, horizon: 0 })
  while (durations.length < CLAIMS) await fixed.nextIds(1000)
  await fixed.close()
  unsubscribe('texample:ids:claim', listen)
  const growth = median(durations.slice(-300)) / median(durations.slice(0, 300))

  const sequence = openSequence(name(), { url })
  const memory = async (/** @type {number} */ ms) => {
    for (const end = performance.now() + ms; performance.now() < end; ) {
      for (let i = 0; i < 10_000; i++) await sequence.nextId()
    }
    await new Promise(setImmediate)
    return process.memoryUsage().rss / 2 ** 20
  }
  const before = await memory(2000)
  const after = await memory(8000)
  const { issued } = sequence.stats()
  await sequence.close()
  return [
    { what: 'a claim, the first 300', value: median(durations.slice(0, 300)), unit: 'ms' },
    {
      what: `a claim, the last 300 of ${CLAIMS}`,
      value: median(durations.slice(-300)),
      unit: 'ms',
      ratio: growth,
      than: 'the first ones',
      goal: 'at most 1.3',
      met: growth <= 1.3,
    },
    {
      what: `memory after ${issued.toLocaleString('en')} ids flat out`,
      value: after - before,
      unit: 'MB more',
      goal: 'at most 20',
      met: after - before <= 20,
    },
  ]
}
