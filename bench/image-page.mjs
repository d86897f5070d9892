/**
 * `encodeImage` in Chromium beside Node.js's hand-written JavaScript with zlib level 1:
 * `npm run bench -- image-page`.
 *
 * Both make the same format of the same records, in turns; a number is a ratio of medians from one
 * run.
 */

import { appendFileSync } from 'node:fs'

import { openOrigins } from '../devtools/browser-origins.mjs'
import { launchChromium } from '../devtools/chromium.mjs'
import { encodeByHand } from './image/by-hand.mjs'
import { median, table } from './image/measure.mjs'
import { payloads } from './image/payloads.mjs'

const ROUNDS = 9
const MOST = 2

const origins = await openOrigins()
const browser = await launchChromium()
const rows = []
try {
  const page = await browser.newPage()
  await page.goto(`${origins.page}/`)
  for (const { name, data } of payloads.filter(({ json }) => json.length > 5_000)) {
    const calls = Math.max(2, Math.round(300_000 / JSON.stringify(data).length))
    const [inPage, byHand] = [[], []]
    for (let round = 0; round < ROUNDS; round++) {
      inPage.push(await page.evaluate(timeInPage, { data, calls }))
      byHand.push(timeByHand(data, calls))
    }
    rows.push({ name, inPage: median(inPage), byHand: median(byHand) })
  }
} finally {
  await browser.close()
  await origins.close()
}

const ratio = ({ inPage, byHand }) => inPage / byHand
console.log(`\nencodeImage in Chromium, in Node.js by hand with zlib 1 (at most ${MOST})\n`)
console.log(
  table(
    ['', 'page, ms', 'by hand, ms', 'ratio'],
    rows.map((row) => [row.name, row.inPage.toFixed(2), row.byHand.toFixed(2), ratio(row).toFixed(2)]),
  ),
)
if (process.env.BENCH_JSON) {
  for (const row of rows) {
    const result = { what: `encodeImage in Chromium, ${row.name}`, value: row.inPage, unit: 'ms', ratio: ratio(row) }
    const goal = { than: 'by hand, zlib 1', goal: `at most ${MOST}`, met: ratio(row) <= MOST }
    appendFileSync(process.env.BENCH_JSON, `${JSON.stringify({ ...result, ...goal })}\n`)
  }
}

/** Runs in the page: milliseconds of a call. */
async function timeInPage({ data, calls }) {
  const { encodeImage } = await import('/client/encode.mjs')
  await encodeImage(data)
  const started = performance.now()
  for (let call = 0; call < calls; call++) await encodeImage(data)
  return (performance.now() - started) / calls
}

function timeByHand(data, calls) {
  encodeByHand(data, 1)
  const started = performance.now()
  for (let call = 0; call < calls; call++) encodeByHand(data, 1)
  return (performance.now() - started) / calls
}
