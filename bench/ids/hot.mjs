/** What one id costs while ids are in hand. */

import { randomUUID } from 'node:crypto'
import { median } from '../report.mjs'
import { name, openSequence, server } from './server.mjs'

const ROUNDS = 9
const IDS = 1_000_000

/** @type {unknown} What was made last, so that nothing is optimized away. */
let _sink

/** Nanoseconds for each of `count`, of each contender, interleaved. */
export async function run() {
  const { url } = await server()
  const sequence = openSequence(name(), { url })
  await warm(sequence)
  /** @type {Record<string, (count: number) => Promise<void>>} */
  const contenders = {
    'await a resolved promise': async (count) => {
      for (let i = 0; i < count; i++) _sink = await Promise.resolve(i)
    },
    'await nextId()': async (count) => {
      for (let i = 0; i < count; i++) _sink = await sequence.nextId()
    },
    'nextIdSync()': async (count) => {
      for (let i = 0; i < count; i++) _sink = sequence.nextIdSync()
    },
    'nextIds(1000), an id': async (count) => {
      for (let i = 0; i < count; i += 1000) _sink = await sequence.nextIds(1000)
    },
    'crypto.randomUUID()': async (count) => {
      for (let i = 0; i < count; i++) _sink = randomUUID()
    },
  }
  /** @type {Record<string, number[]>} */
  const times = Object.fromEntries(Object.keys(contenders).map((contender) => [contender, []]))
  for (let round = 0; round < ROUNDS; round++) {
    for (const [contender, make] of Object.entries(contenders)) {
      // The pool catches up between rounds, as it does while a program does its other work.
      await warm(sequence)
      const count = contender === 'crypto.randomUUID()' ? IDS / 5 : IDS
      const begun = process.hrtime.bigint()
      await make(count)
      times[contender].push(Number(process.hrtime.bigint() - begun) / count)
    }
  }
  const ns = Object.fromEntries(Object.entries(times).map(([contender, values]) => [contender, median(values)]))
  const promise = ns['await a resolved promise']
  const uuid = ns['crypto.randomUUID()']
  const awaited = ns['await nextId()'] / promise
  await sequence.close()
  return Object.entries(ns).map(([what, value]) => {
    const row = { what, value, unit: 'ns' }
    switch (what) {
      case 'await nextId()':
        return { ...row, ratio: awaited, than: 'a resolved promise', goal: 'at most 1.5', met: awaited <= 1.5 }
      case 'nextIdSync()': {
        const met = value <= 25 && uuid >= 8 * value
        return { ...row, ratio: value / uuid, than: 'crypto.randomUUID()', goal: 'at most 25 ns and 1/8', met }
      }
      case 'nextIds(1000), an id':
        return { ...row, ratio: value / uuid, than: 'crypto.randomUUID()', goal: 'at most 20 ns', met: value <= 20 }
      default:
        return row
    }
  })
}

/** @param {any} sequence */
async function warm(sequence) {
  for (let i = 0; i < 20; i++) {
    await sequence.nextIds(100_000)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
