/** A tab that is opened in the background, in Chromium with a window: nothing of it is painted. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import path from 'node:path'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'

import { openWindow } from '../../devtools/browser-window.mjs'
import { encodeDataToImage } from '../../js/index.mjs'

const client = fileURLToPath(new URL('../../js/client', import.meta.url))

/** Runs in the tab, which reports by itself: a driver that looks into it would wake it up. */
async function look() {
  const { queryXD, decodeImage } = await import('/client/index.mjs')
  const element = (properties) => Object.assign(new Image(), { crossOrigin: '' }, properties)
  const control = element({ src: '/data.png?control' })
  const decoded = control.decode().then(() => 'decoded')
  await new Promise((resolve) => control.addEventListener('load', resolve))
  const report = {
    visibility: document.visibilityState,
    queried: await queryXD('/data.png', { timeout: 8_000 }).catch(String),
    element: await decodeImage(control, { timeout: 8_000 }).catch(String),
    lazy: await decodeImage(element({ loading: 'lazy', src: '/data.png?lazy' })).catch(String),
    control: await Promise.race([decoded, new Promise((resolve) => setTimeout(resolve, 1_000, 'decode() waits'))]),
  }
  await fetch('/report', { method: 'POST', body: JSON.stringify(report) })
}

it('a tab in the background gets its data', { timeout: 90_000 }, async (t) => {
  const { browser, close } = await openWindow()
  t.after(close)
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://page')
    if (pathname === '/report') {
      server.emit('report', JSON.parse(await new Response(request).text()))
      return response.end()
    }
    if (pathname === '/data.png') return response.end(encodeDataToImage({ a: 1 }))
    if (pathname.startsWith('/client/')) {
      response.setHeader('Content-Type', 'text/javascript')
      return response.end(await readFile(path.join(client, path.basename(pathname))))
    }
    response.setHeader('Content-Type', 'text/html')
    if (pathname === '/') return response.end('<!doctype html><a href="/tab">open</a>')
    if (pathname === '/tab') return response.end(`<!doctype html><script type="module">(${look})()</script>`)
    response.writeHead(404).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })

  const page = await browser.newPage()
  await page.goto(`http://127.0.0.1:${server.address().port}/`)
  const reported = once(server, 'report')
  await page.keyboard.down('Control')
  await page.click('a')
  const [report] = await reported
  const data = { a: 1 }
  assert.deepEqual(report, {
    visibility: 'hidden',
    queried: data,
    element: data,
    lazy: data,
    control: 'decode() waits',
  })
})
