/**
 * `encodeImage` in Chromium beside Node.js's hand-written JavaScript with zlib level 1:
 * `npm run bench -- image-page`.
 *
 * Both make the same format of the same records, in turns; a number is a ratio of medians from one
 * run. Beside them stands what a page cannot do without: a `CompressionStream`, which has no
 * levels, and a `Blob`, which Chromium registers with another process. Where these two alone are
 * past the goal, no encoder that uses them reaches it.
 */

import { openOrigins } from '../devtools/browser-origins.mjs'
import { launchChromium } from '../devtools/chromium.mjs'
import { encodeByHand } from './image/by-hand.mjs'
import { payloads } from './image/payloads.mjs'
import { median, report } from './report.mjs'

const ROUNDS = 15
/** Milliseconds of a round. */
const SLICE = 60
const MOST = 2

const origins = await openOrigins()
const browser = await launchChromium()
/** @type {import('./report.mjs').Row[]} */
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
    const row = (what, value) => {
      const ratio = value / median(byHand)
      return { what: `${what}, ${name}`, value, unit: 'ms', ratio, than: 'by hand, zlib 1' }
    }
    const made = row('encodeImage in Chromium', median(encode))
    rows.push({ ...made, goal: `at most ${MOST}`, met: made.ratio <= MOST })
    rows.push(row('CompressionStream and Blob alone', median(parts)))
  }
} finally {
  await browser.close()
  await origins.close()
}

report('image-page', rows)

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
