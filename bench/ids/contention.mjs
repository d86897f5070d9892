/**
 * 24 processes that claim flat out on one SQLite file, beside as many with SQLite's own busy
 * timeout.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { quantile } from './report.mjs'

const PROCESSES = 24
const MS = 10_000
/** Until all have started, and after: all claim for longer than is measured. */
const BEFORE = 6000
const AFTER = 500

const OURS = [process.execPath, './sqlite-claimer.mjs']
/** Python's standard library has SQLite; Node 20 has none. */
const RAW = ['python3', './sqlite-raw.py']

/**
 * The durations of all claims, by process.
 * @param {string[]} claimer the program and its script
 * @param {number} count
 * @param {string} file
 * @param {number} [ms] for how long they claim
 * @returns {Promise<{ durations: number[], failures: number }[]>}
 */
async function claims([program, script], count, file, ms = MS) {
  const from = Date.now() + BEFORE
  const args = [
    fileURLToPath(new URL(script, import.meta.url)),
    file,
    ...[from, from + ms, from + ms + AFTER].map(String),
  ]
  const children = Array.from({ length: count }, () => spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] }))
  return Promise.all(
    children.map(async (child) => {
      let text = ''
      child.stdout.setEncoding('utf8').on('data', (data) => {
        text += data
      })
      await once(child, 'close')
      return JSON.parse(text)
    }),
  )
}

/** Not spread into Math.max: there may be more than a call has room for. */
const worstOf = (/** @type {number[]} */ values) => values.reduce((worst, value) => Math.max(worst, value), 0)

export async function run() {
  const folder = mkdtempSync(join(tmpdir(), 'texample-bench-'))
  try {
    const ours = await claims(OURS, PROCESSES, join(folder, 'ours.db'))
    // Made by one: the switch of a file to WAL is not waited for.
    await claims(RAW, 1, join(folder, 'raw.db'), 1)
    const raw = await claims(RAW, PROCESSES, join(folder, 'raw.db'))
    const failures = ours.reduce((sum, one) => sum + one.failures, 0)
    const all = ours.flatMap((one) => one.durations)
    const peers = raw.flatMap((one) => one.durations)
    const worst = worstOf(all)
    const mean = all.length / PROCESSES
    const least = Math.min(...ours.map((one) => one.durations.length)) / mean
    const leastOfPeers = Math.min(...raw.map((one) => one.durations.length)) / (peers.length / PROCESSES)
    const than = 'with busy_timeout'
    return [
      {
        what: `${PROCESSES} processes, ${MS / 1000} s: claims`,
        value: all.length,
        unit: 'claims',
        ratio: all.length / peers.length,
        than,
      },
      { what: 'failed claims', value: failures, unit: 'claims', goal: 'none', met: failures === 0 },
      {
        what: 'p99.9',
        value: quantile(all, 0.999),
        unit: 'ms',
        ratio: quantile(all, 0.999) / quantile(peers, 0.999),
        than,
      },
      {
        what: 'the worst',
        value: worst,
        unit: 'ms',
        ratio: worst / worstOf(peers),
        than,
        goal: 'less than 2000',
        met: worst < 2000,
      },
      {
        what: 'the process with the fewest',
        value: least,
        unit: 'of mean',
        ratio: least / leastOfPeers,
        than,
        goal: 'at least 1/3',
        met: least >= 1 / 3,
      },
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
