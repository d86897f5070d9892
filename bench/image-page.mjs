/**
 * `encodeImage` in Chromium beside Node.js's hand-written JavaScript with zlib level 1:
 * `npm run bench -- image-page`.
 *
 * Both make the same format of the same records, in turns; a number is a ratio of medians from one
 * run. Beside them stands what a page cannot do without: a `CompressionStream`, which has no
 * levels, and a `Blob`, which Chromium registers with another process. Where these two alone are
 * past the goal, no encoder that uses them reaches it.
 */

import { appendFileSync } from 'node:fs'

import { openOrigins } from '../devtools/browser-origins.mjs'
import { launchChromium } from '../devtools/chromium.mjs'
import { encodeByHand } from './image/by-hand.mjs'
import { median, table } from './image/measure.mjs'
import { payloads } from './image/payloads.mjs'

const ROUNDS = 15
/** Milliseconds of a round. */
const SLICE = 60
const MOST = 2

const origins = await openOrigins()
const browser = await launchChromium()
const rows = []
try {
  const page = await browser.newPage()
  await page.goto(`${origins.page}/`)
  for (const { name, data } of payloads.filter(({ json }) => json.length > 5_000)) {
    const [encode, parts, byHand] = [[], [], []]
    // The first round warms up.
    for (let round = 0; round <= ROUNDS; round++) {
      const inPage = await page.evaluate(timeInPage, { data, slice: SLICE })
      const here = timeByHand(data)
      if (round === 0) continue
      encode.push(inPage.encode)
      parts.push(inPage.parts)
      byHand.push(here)
    }
    rows.push({ name, encode: median(encode), parts: median(parts), byHand: median(byHand) })
  }
} finally {
  await browser.close()
  await origins.close()
}

const times = (value, { byHand }) => (value / byHand).toFixed(2)
console.log(`\nencodeImage in Chromium, in Node.js by hand with zlib 1 (at most ${MOST})\n`)
console.log(
  table(
    ['', 'page, ms', 'by hand, ms', 'ratio', 'CompressionStream and Blob alone'],
    rows.map((row) => [
      ...[row.name, row.encode.toFixed(2), row.byHand.toFixed(2)],
      ...[times(row.encode, row), times(row.parts, row)],
    ]),
  ),
)
if (process.env.BENCH_JSON) {
  for (const { name, encode, parts, byHand } of rows) {
    for (const [what, value] of /** @type {const} */ ([
      ['encodeImage', encode],
      ['CompressionStream and Blob alone', parts],
    ])) {
      const result = { what: `${what} in Chromium, ${name}`, value, unit: 'ms', ratio: value / byHand }
      const goal = value === encode && { goal: `at most ${MOST}`, met: value / byHand <= MOST }
      appendFileSync(process.env.BENCH_JSON, `${JSON.stringify({ ...result, than: 'by hand, zlib 1', ...goal })}\n`)
    }
  }
}

/** Runs in the page: milliseconds of a call, and of the parts that it cannot do without. */
async function timeInPage({ data, slice }) {
  const { encodeImage } = await import('/client/encode.mjs')
  const stored = await encodeImage(data, { compress: false })
  const bytes = new Uint8Array(await stored.arrayBuffer())

  async function deflateToBlob() {
    const { readable, writable } = new CompressionStream('deflate')
    const writer = writable.getWriter()
    writer.write(bytes)
    writer.close()
    const reader = readable.getReader()
    for (const deflated = []; ; ) {
      const { done, value } = await reader.read()
      if (done) return new Blob(deflated, { type: 'image/png' })
      deflated.push(value)
    }
  }

  async function timeOf(run) {
    const started = performance.now()
    for (let calls = 1; ; calls++) {
      await run()
      const taken = performance.now() - started
      if (taken > slice) return taken / calls
    }
  }

  return { encode: await timeOf(() => encodeImage(data)), parts: await timeOf(deflateToBlob) }
}

function timeByHand(data) {
  const started = performance.now()
  for (let calls = 1; ; calls++) {
    encodeByHand(data, 1)
    const taken = performance.now() - started
    if (taken > SLICE) return taken / calls
  }
}
