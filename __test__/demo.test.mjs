/** The demo as a visitor meets it: `npm start`, a real browser, two origins, Ctrl-C. */

import assert from 'node:assert/strict'
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { decodeImageToData, encodeDataToImage } from 'texample'
import { launchChromium } from '../devtools/chromium.mjs'
import { freePair } from '../devtools/ports.mjs'
import { temporaryFolder } from './support/folder.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = temporaryFolder()
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

/** Runs `npm start`'s script on free ports, with its ids in a file of its own. */
async function startDemo(...args) {
  const port = await freePair()
  const child = spawn(process.execPath, [path.join(root, 'scripts', 'start.mjs'), ...args], {
    cwd: root,
    env: { ...process.env, PORT: String(port), TEXAMPLE_IDS_URL: `sqlite:${path.join(folder, `ids-${port}.db`)}` },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const url = `http://127.0.0.1:${port}/`
  const isUp = new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text
        if (output.includes(url)) resolve()
      })
    }
    child.once('exit', (code) => reject(new Error(`the demo ended with ${code}:\n${output}`)))
  })
  await isUp
  return {
    port,
    url,
    child,
    output: () => output,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGINT')
      await once(child, 'exit')
    },
  }
}

describe('the demo page', () => {
  /** @type {Awaited<ReturnType<typeof startDemo>>} */
  let demo
  /** @type {import('playwright-core').Browser} */
  let browser
  /** @type {import('playwright-core').Page} */
  let page
  /** @type {string[]} */
  const complaints = []

  before(async () => {
    ;[demo, browser] = await Promise.all([startDemo(), launchChromium()])
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 } })
    page = await context.newPage()
    // Chromium's language on a system with the locale C.
    await page.addInitScript(() =>
      Object.defineProperty(navigator, 'language', { value: 'en-US@posix', configurable: true }),
    )
    page.on('pageerror', (error) => complaints.push(String(error)))
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
    await page.goto(demo.url)
  })

  after(async () => {
    await browser?.close()
    await demo?.stop()
  })

  it('shows ticks of a native thread, live', async () => {
    const first = await numberIn(page, '#tick', 1)
    await numberIn(page, '#tick', first + 10)
    await numberIn(page, '#tick-rate', 10)
  })

  it('keeps every tick while JavaScript is blocked', async () => {
    const waited = () => numberIn(page, '#tick-queue', 0)
    await page.locator('#interval').fill('0')
    await page.locator('#interval').dispatchEvent('change')
    await numberIn(page, '#tick', 20)
    // A machine under load may have no time for the thread, so that fewer wait: then once more.
    for (let tries = 0; tries < 5 && (await waited()) < 900; tries++) {
      const last = await numberIn(page, '#tick', 0)
      await page.click('#block')
      await numberIn(page, '#tick', last + 1000)
    }
    await numberIn(page, '#tick-queue', 900)
    assert.equal(await page.textContent('#tick-dropped'), '0')
    await page.locator('#interval').fill('43')
    await page.locator('#interval').dispatchEvent('change')
  })

  it('knows a visitor by the cookie of the other origin', async () => {
    const uid = await numberIn(page, '#uid', 1000)
    assert.match(await page.inputValue('#readback'), new RegExp(`"fi":"pöllö","es":"búho","uid":${uid},`))
    const other = await page.context().newPage()
    await other.goto(demo.url)
    await other.waitForFunction((uid) => document.querySelector('#uid').textContent === uid, String(uid))
    await other.close()
  })

  it('reads what the visitor types back from the pixels', async () => {
    const text = 'a % of ünïcödé: 🦉 "quoted" \\'
    await page.fill('#text', text)
    await page.waitForFunction((text) => document.querySelector('#readback').value.includes(JSON.stringify(text)), text)
    await numberIn(page, '#image-bytes', 100)
    await numberIn(page, '#fetch-bytes', 50)
    assert.match(await page.textContent('#pixels-size'), /^\d+ × 1 pixels/)
    assert.equal(await paintedPixels(page), true)
  })

  it('saves what is typed as a picture, and reads it back', async () => {
    const text = 'state, 100 % pöllö 🦉'
    await page.fill('#text', text)
    const downloading = page.waitForEvent('download')
    await page.click('#save')
    const download = await downloading
    assert.equal(download.suggestedFilename(), 'texample.png')
    const saved = await readFile(await download.path())
    assert.deepEqual(decodeImageToData(saved), { text })

    await page.fill('#text', 'something else')
    await page.setInputFiles('#picture', { name: 'texample.png', mimeType: 'image/png', buffer: saved })
    await page.waitForFunction((text) => document.querySelector('#text').value === text, text)
    assert.equal(await page.inputValue('#readback'), JSON.stringify({ text }))
  })

  it('reads a dropped picture, and refuses another', async () => {
    const drop = (bytes, name) =>
      page.evaluate(
        ({ bytes, name }) => {
          const dataTransfer = new DataTransfer()
          dataTransfer.items.add(new File([Uint8Array.from(bytes)], name, { type: 'image/png' }))
          const options = { dataTransfer, bubbles: true, cancelable: true }
          document.querySelector('#drop').dispatchEvent(new DragEvent('dragover', options))
          return document.querySelector('#drop').dispatchEvent(new DragEvent('drop', options))
        },
        { bytes: [...bytes], name },
      )
    const said = (text) =>
      page.waitForFunction((text) => document.querySelector('#picture-status').textContent.includes(text), text)
    assert.equal(await drop(encodeDataToImage({ text: 'dropped' }), 'state.png'), false, 'the browser opens no file')
    await said('Read from state.png')
    assert.equal(await page.inputValue('#text'), 'dropped')
    await drop(Buffer.from('<p>no picture</p>'), 'page.png')
    await said('ERR_TEXAMPLE_IMAGE_INVALID')
    assert.equal(await page.inputValue('#text'), 'dropped')
  })

  it('shows ids that several processes draw', async () => {
    const first = await numberIn(page, '#id', 1000)
    await numberIn(page, '#id', first + 1)
    const issued = await numberIn(page, '#new-issued', 1)
    await page.click('#burst')
    await numberIn(page, '#new-issued', issued + 30_000)
    await numberIn(page, '#old-issued', 1)
  })

  it('fits a phone, and a phone that is turned', async () => {
    for (const [width, height] of [
      [360, 740],
      [740, 360],
      [1280, 900],
    ]) {
      await page.setViewportSize({ width, height })
      await page.waitForFunction(() => {
        const fits = (place) => Math.abs(place.querySelector('canvas').clientWidth - place.clientWidth) <= 1
        const within = (part) =>
          part.getBoundingClientRect().right <= part.closest('.panel').getBoundingClientRect().right
        return (
          document.documentElement.scrollWidth <= innerWidth &&
          [...document.querySelectorAll('.plot')].every(fits) &&
          [...document.querySelectorAll('.panel *')].every(within)
        )
      })
      assert.equal(await paintedPixels(page), true)
    }
  })

  for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
    it(`has nothing that axe finds inaccessible, ${colorScheme}`, async () => {
      await page.emulateMedia({ colorScheme })
      const client = await page.context().newCDPSession(page)
      // Through the debugger: the page's own policy forbids foreign scripts, as it should.
      await client.send('Runtime.evaluate', { expression: await readFile(axe, 'utf8') })
      const { result } = await client.send('Runtime.evaluate', {
        expression:
          'axe.run().then(({ violations }) => JSON.stringify(violations.map((v) => [v.id, v.nodes.map((n) => n.html)])))',
        awaitPromise: true,
      })
      assert.deepEqual(JSON.parse(result.value), [])
    })
  }

  it('loads without layout shift or console message', async () => {
    const fresh = await page.context().newPage()
    await fresh.addInitScript(() => {
      window.shift = 0
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) window.shift += entry.value
      }).observe({ type: 'layout-shift', buffered: true })
    })
    await fresh.goto(demo.url)
    await fresh.waitForFunction(() => /\d/.test(document.querySelector('#old-waits').textContent))
    await fresh.waitForFunction(() => document.querySelector('#readback').value !== '')
    assert.equal(await fresh.evaluate('window.shift'), 0)
    await fresh.close()
    assert.deepEqual(complaints, [])
  })

  it('ends at once and cleanly on Ctrl-C, with pages open', async () => {
    const exit = once(demo.child, 'exit')
    demo.child.kill('SIGINT')
    assert.deepEqual(await exit, [0, null], demo.output())
    for (const port of [demo.port, demo.port + 1]) {
      const [error] = await once(connect(port, '127.0.0.1'), 'error')
      assert.equal(error.code, 'ECONNREFUSED')
    }
  })
})

/** The number that an element of the page shows, once it is at least `least`. */
async function numberIn(page, selector, least) {
  const handle = await page.waitForFunction(
    ([selector, least]) => {
      const digits = document.querySelector(selector).textContent.replace(/[^\d.]/g, '')
      return digits !== '' && Number(digits) >= least && { number: Number(digits) }
    },
    [selector, least],
  )
  return (await handle.jsonValue()).number
}

/** Whether the magnified pixels are drawn at the size that the canvas has on the page. */
function paintedPixels(page) {
  return page
    .waitForFunction(() => {
      const canvas = document.querySelector('#pixels')
      if (Math.abs(canvas.width - canvas.clientWidth * devicePixelRatio) > 1) return false
      const { data } = canvas.getContext('2d').getImageData(4, 4, 1, 1)
      return data[3] === 255
    })
    .then(() => true)
}

it('ids go on while the primary of a replica set is killed', async () => {
  const [demo, browser] = await Promise.all([startDemo('--mongo'), launchChromium()])
  try {
    const page = await browser.newPage()
    page.setDefaultTimeout(60_000)
    await page.goto(demo.url)
    // Every text of the status: the next one may follow at once.
    await page.evaluate(() => {
      window.said = []
      const status = document.querySelector('#status')
      new MutationObserver(() => window.said.push(status.textContent)).observe(status, { childList: true })
    })
    const status = (text) => page.waitForFunction((text) => window.said.some((said) => said.includes(text)), text)
    // By then the rate is known, and the ids of the horizon are in hand.
    await numberIn(page, '#old-issued', 500)
    await page.click('#kill')
    await status('The primary is dead')
    const issued = await numberIn(page, '#new-issued', 1)
    await numberIn(page, '#new-issued', issued + 500)
    await status('There is a new primary')
    assert.ok((await numberIn(page, '#new-longest', 0)) < (await numberIn(page, '#old-longest', 0)))
  } finally {
    await browser.close()
    await demo.stop()
  }
})

it('a port that is taken is said, with what to do', async () => {
  const demo = await startDemo()
  const second = spawn(process.execPath, [path.join(root, 'scripts', 'start.mjs')], {
    cwd: root,
    env: { ...process.env, PORT: String(demo.port) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  second.stderr.setEncoding('utf8').on('data', (text) => (said += text))
  const [code] = await once(second, 'close')
  await demo.stop()
  assert.equal(code, 1)
  assert.match(said, new RegExp(`Port ${demo.port} is taken.*PORT=`))
})

it('a drawing process may end while it loads', { timeout: 60_000 }, async (t) => {
  const child = fork(path.join(root, 'demo', 'drawer.mjs'), {
    env: { ...process.env, TEXAMPLE_IDS_URL: `sqlite:${path.join(folder, 'ids.db')}` },
  })
  t.after(() => child.kill('SIGKILL'))
  child.disconnect()
  const [code] = await once(child, 'exit')
  assert.equal(code, 0)
})
