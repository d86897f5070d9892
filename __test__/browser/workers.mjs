/** The client in workers. */

import assert from 'node:assert/strict'

import { sendData } from '../../devtools/browser-origins.mjs'
import { encodeDataToImage } from '../../js/index.mjs'
import { EXAMPLE, notFound } from './harness.mjs'

/** Runs in the page: what a worker answers. */
async function askWorker({ kind, url, missing, base64 }) {
  const ports = {
    dedicated: async () => new Worker('/worker.js'),
    shared: async () => new SharedWorker('/worker.js').port,
    async service() {
      await navigator.serviceWorker.register('/worker.js')
      return (await navigator.serviceWorker.ready).active
    },
  }
  const port = await ports[kind]()
  const ask = (call, source, transfer = []) =>
    new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel()
      port1.onmessage = ({ data }) => resolve(data)
      if (kind === 'service') return port.postMessage({ call, args: [source] }, [port2, ...transfer])
      port.onmessage = ({ data }) => resolve(data)
      port.postMessage({ call, args: [source] }, transfer)
    })
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  const good = [
    await ask('queryXD', url),
    await ask('decodeImage', bytes),
    await ask('decodeImage', new Blob([bytes])),
    await ask('decodeImage', `data:image/png;base64,${base64}`),
  ]
  // A service worker takes no bitmap in some browsers, which say so.
  if (kind === 'dedicated') {
    const bitmap = await createImageBitmap(new Blob([bytes]))
    good.push(await ask('decodeImage', bitmap, [bitmap]))
  }
  return { good, bad: [await ask('queryXD', missing), await ask('queryXD', 'http://')] }
}

/** @param {ReturnType<typeof import('./harness.mjs').openHarness>} harness */
export function testWorkers({ serve, inPage }) {
  for (const kind of ['dedicated', 'shared', 'service']) {
    inPage(`a ${kind} worker asks, and reads what it is given`, async (page) => {
      const image = serve(sendData(EXAMPLE))
      const base64 = encodeDataToImage(EXAMPLE).toString('base64')
      const { good, bad } = await page.evaluate(askWorker, {
        kind,
        url: image.url,
        missing: serve(notFound).url,
        base64,
      })
      assert.deepEqual(good, Array(kind === 'dedicated' ? 5 : 4).fill({ data: EXAMPLE }))
      assert.equal(image.requests(), 1)
      assert.deepEqual(
        bad.map(({ code }) => code),
        ['ERR_TEXAMPLE_IMAGE_UNREADABLE', 'ERR_TEXAMPLE_INVALID_ARGUMENT'],
      )
    })
  }

  inPage('a worker makes an image and reads it', async (page) => {
    for (const options of [{}, { robust: true, charset: 'utf-8' }]) {
      const result = await page.evaluate(
        (message) => {
          const worker = new Worker('/worker.mjs', { type: 'module' })
          worker.postMessage(message)
          return new Promise((resolve, reject) => {
            worker.onmessage = ({ data }) => resolve(data)
            worker.onerror = (event) => reject(new Error(event.message))
          })
        },
        { data: EXAMPLE, options },
      )
      assert.deepEqual(result, { type: 'image/png', data: EXAMPLE })
    }
  })
}
