/** Threads of this process, and waiting in the one thread that runs the tests. */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'

/**
 * How many native threads of this process have `name` (its first 15 bytes, as Linux keeps them), or
 * any name. No other system shows a process its threads: there it is undefined.
 * @param {string} [name]
 */
export function threads(name) {
  if (process.platform !== 'linux') return undefined
  if (name === undefined) return readdirSync('/proc/self/task').length
  let found = 0
  for (const task of readdirSync('/proc/self/task')) {
    try {
      if (readFileSync(`/proc/self/task/${task}/comm`, 'utf8').trim() === name.slice(0, 15)) found++
    } catch (error) {
      if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error // it ended meanwhile
    }
  }
  return found
}

/** Fails unless so many threads have that name, where they can be counted. */
export function assertThreads(name, expected) {
  const found = threads(name)
  if (found !== undefined) assert.equal(found, expected)
}

/** Keeps the thread busy, so that the event loop cannot turn. */
export function block(ms) {
  const end = performance.now() + ms
  while (performance.now() < end);
}

/**
 * Runs `body` with the list that each `uncaughtException` joins; node:test's own listener is set
 * aside meanwhile.
 * @param {(errors: unknown[]) => Promise<void>} body
 */
export async function collectUncaught(body) {
  const others = process.listeners('uncaughtException')
  const errors = []
  const listener = (error) => errors.push(error)
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', listener)
  try {
    await body(errors)
  } finally {
    process.removeListener('uncaughtException', listener)
    for (const other of others) process.on('uncaughtException', other)
  }
}

/**
 * How long each turn of the event loop takes, for so many milliseconds: the shortest first.
 * @param {number} time
 * @returns {Promise<number[]>}
 */
export function measureTurns(time) {
  const turns = []
  let latest = performance.now()
  const end = latest + time
  return new Promise((resolve) => {
    const turn = () => {
      const now = performance.now()
      turns.push(now - latest)
      latest = now
      if (now < end) setImmediate(turn)
      else resolve(turns.sort((a, b) => a - b))
    }
    setImmediate(turn)
  })
}
