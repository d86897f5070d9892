/** Four processes that claim flat out on one SQLite file, beside one alone, and beside SQLite's own busy timeout. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { median, quantile } from './report.mjs'

const MS = 10_000
/** Until all have started and what they run often is compiled, and after: all claim for longer than is measured. */
const BEFORE = 3000
const AFTER = 500

const OURS = [process.execPath, './sqlite-claimer.mjs']
/** Python's standard library has SQLite; Node 20 has none. */
const RAW = ['python3', './sqlite-raw.py']
/** What the machine adds to every wait, with nobody else on it. */
const SLEEPER = ['python3', './sleeper.py']

/**
 * The durations of all claims of some processes.
 * @param {string[]} claimer the program and its script
 * @param {number} count
 * @param {string} file
 * @param {number} [ms] for how long they claim
 */
async function claims([program, script], count, file, ms = MS) {
  const from = Date.now() + BEFORE
  const args = [
    fileURLToPath(new URL(script, import.meta.url)),
    file,
    ...[from, from + ms, from + ms + AFTER].map(String),
  ]
  const children = Array.from({ length: count }, () => spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] }))
  const texts = await Promise.all(
    children.map(async (child) => {
      let text = ''
      child.stdout.setEncoding('utf8').on('data', (data) => {
        text += data
      })
      await once(child, 'close')
      return text
    }),
  )
  return texts.flatMap((text) => /** @type {number[]} */ (JSON.parse(text)))
}

/** Not spread into Math.max: there may be more than a call has room for. */
const worstOf = (/** @type {number[]} */ values) => values.reduce((worst, value) => Math.max(worst, value))

export async function run() {
  const folder = mkdtempSync(join(tmpdir(), 'texample-bench-'))
  try {
    const alone = await claims(OURS, 1, join(folder, 'alone.db'))
    const four = await claims(OURS, 4, join(folder, 'four.db'))
    // Made by one: to switch a file to WAL is not waited for.
    await claims(RAW, 1, join(folder, 'raw.db'), 1)
    const raw = await claims(RAW, 4, join(folder, 'raw.db'))
    const late = await claims(SLEEPER, 2, '-')
    const p99 = quantile(alone, 0.99)
    const p999 = quantile(four, 0.999)
    const worst = worstOf(four)
    /** @param {string} what @param {number} value */
    const beside = (what, value) => ({ what, value, unit: 'ms', ratio: value / p99, than: "one alone's p99" })
    return [
      { what: `one process, median of ${alone.length} claims`, value: median(alone), unit: 'ms' },
      { what: 'one process, p99', value: p99, unit: 'ms' },
      { what: `four processes, median of ${four.length} claims`, value: median(four), unit: 'ms' },
      beside('four processes, p99', quantile(four, 0.99)),
      { ...beside('four processes, p99.9', p999), goal: 'at most 8', met: p999 <= 8 * p99 },
      { ...beside('four processes, worst', worst), goal: 'at most 40', met: worst <= 40 * p99 },
      beside(`four with busy_timeout, p99.9 of ${raw.length} claims`, quantile(raw, 0.999)),
      beside('four with busy_timeout, worst', worstOf(raw)),
      beside('the machine at rest: a sleep of 0.2 ms is late, p99.9', quantile(late, 0.999)),
      beside('the machine at rest: a sleep of 0.2 ms is late, worst', worstOf(late)),
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
