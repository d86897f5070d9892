/** What benchmarks share: a table for people, and JSON lines when BENCH_JSON names a file. */

import { appendFileSync } from 'node:fs'

/**
 * @typedef {object} Row
 * @property {string} what
 * @property {number} value
 * @property {string} unit
 * @property {number} [ratio] to the peer named in `than`
 * @property {string} [than]
 * @property {string} [goal] what it should be
 * @property {boolean} [met]
 */

/**
 * @param {string} bench
 * @param {Row[]} rows
 */
export function report(bench, rows) {
  for (const row of rows) {
    if (!Number.isFinite(row.value)) throw new Error(`${bench}: "${row.what}" is ${row.value}`)
    // Beside nothing there is no ratio, and JSON has no infinity.
    if (!Number.isFinite(row.ratio)) {
      delete row.ratio
      delete row.than
    }
  }
  show(bench, rows)
  if (!process.env.BENCH_JSON) return
  const lines = rows.map((row) => `${JSON.stringify({ bench, ...row })}\n`)
  appendFileSync(process.env.BENCH_JSON, lines.join(''))
}

/**
 * @param {string} title
 * @param {Row[]} rows
 */
export function show(title, rows) {
  console.log(`\n${title}`)
  for (const { what, value, unit, ratio, than, goal, met } of rows) {
    const number = Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3)
    const beside = ratio === undefined ? '' : `${ratio.toPrecision(3)} ×${than === undefined ? '' : ` ${than}`}`
    const verdict = goal === undefined ? '' : `${goal}: ${met ? 'yes' : 'NO'}`
    const cells = [what.padEnd(52), number.padStart(12), unit.padEnd(8), beside.padEnd(38), verdict]
    console.log(`  ${cells.join(' ').trimEnd()}`)
  }
}

/** @param {number[]} values */
export const median = (values) => quantile(values, 0.5)

/**
 * @param {number[]} values
 * @param {number} share
 */
export function quantile(values, share) {
  if (values.length === 0) return Number.NaN
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}
