/** Tables for people, and JSON lines for machines when BENCH_JSON names a file. */

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
 * @param {string} part
 * @param {Row[]} rows
 */
export function report(part, rows) {
  console.log(`\nids: ${part}`)
  for (const { what, value, unit, ratio, than, goal, met } of rows) {
    const number = value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3)
    const beside = ratio === undefined ? '' : `${ratio.toPrecision(3)} × ${than}`
    const verdict = goal === undefined ? '' : `${goal}: ${met ? 'yes' : 'NO'}`
    console.log(`  ${what.padEnd(44)}${number.padStart(12)} ${unit.padEnd(8)}${beside.padEnd(44)}${verdict}`)
  }
  if (process.env.BENCH_JSON) {
    for (const row of rows)
      appendFileSync(process.env.BENCH_JSON, `${JSON.stringify({ bench: `ids/${part}`, ...row })}\n`)
  }
}

/** @param {number[]} values */
export const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]

/**
 * @param {number[]} values
 * @param {number} share
 */
export function quantile(values, share) {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}
