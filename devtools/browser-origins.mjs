/**
 * Two origins for the browser client: a page, and a server of images as one would write it today.
 */

import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

import cookieParser from 'cookie-parser'
import cors from 'cors'
import express from 'express'
import helmet from 'helmet'

import { encodeDataToImage } from '../js/index.mjs'

const client = fileURLToPath(new URL('../js/client', import.meta.url))

/**
 * @typedef {object} Origins
 * @property {string} page the page's origin: `/` is plain, `/csp` allows images and no connections,
 *   `/classic` has scripts, `/worker.js` is a worker of any kind
 * @property {string} images the images' origin
 * @property {(name: string, answer: (request: express.Request, response: express.Response) => void,
 *   options?: { cors?: cors.CorsOptions | null }) => string} serve answers `/NAME` with CORS for
 *   the page unless told otherwise; returns its URL
 * @property {(name: string) => number} requests how often `/NAME` was asked for
 * @property {() => Promise<void>} close
 */

/**
 * A dedicated, shared or service worker that calls the client: `{ call, args }` is answered with
 * `{ data }` or an error.
 */
const WORKER = `
importScripts('/client/texample.js')
const answer = async ({ call, args }) => {
  try {
    return { data: await texample[call](...args) }
  } catch (error) {
    return { code: error.code, message: String(error.message) }
  }
}
onmessage = async ({ data, ports }) => (ports[0] ?? self).postMessage(await answer(data))
onconnect = ({ ports: [port] }) => {
  port.onmessage = async ({ data }) => port.postMessage(await answer(data))
}
`

/** A module worker that makes an image of what it is sent, and reads it. */
const MODULE_WORKER = `
import { decodeImage } from '/client/robust.mjs'
import { encodeImage } from '/client/encode.mjs'
onmessage = async ({ data: { data, options } }) => {
  const blob = await encodeImage(data, options)
  postMessage({ type: blob.type, data: await decodeImage(blob) })
}
`

/** @returns {Promise<Origins>} */
export async function openOrigins() {
  const answers = new Map()
  const counts = new Map()

  const pages = express()
  pages.use('/client', express.static(client))
  pages.get('/', (_, response) => response.type('html').send('<!doctype html><title>page</title>'))
  pages.get('/favicon.ico', (_, response) => response.status(204).end())
  pages.get('/worker.mjs', (_, response) => response.type('js').send(MODULE_WORKER))
  pages.get('/worker.js', (_, response) => response.type('js').send(WORKER))
  pages.get('/csp', (_, response) => {
    response.set(
      'Content-Security-Policy',
      `default-src 'none'; script-src 'self'; img-src ${images} data:; connect-src 'none'`,
    )
    response.type('html').send('<!doctype html><title>csp</title>')
  })
  pages.get('/classic', (request, response) => {
    const script = request.query.robust === undefined ? 'texample.js' : 'texample-robust.js'
    response.type('html').send(`<!doctype html><title>classic</title><script src="/client/${script}"></script>`)
  })

  const server = express()
  server.use(helmet())
  server.use(cookieParser())
  server.get('/:name', (request, response, next) => {
    const { name } = request.params
    const known = answers.get(name)
    if (!known) return next()
    counts.set(name, (counts.get(name) ?? 0) + 1)
    const answer = () => known.answer(request, response)
    if (known.cors === null) return answer()
    cors(known.cors ?? { origin: page, credentials: true })(request, response, answer)
  })

  const pageListener = pages.listen(0, '127.0.0.1')
  const imageListener = server.listen(0, '127.0.0.1')
  await Promise.all([once(pageListener, 'listening'), once(imageListener, 'listening')])
  const origin = (listener) => `http://127.0.0.1:${listener.address().port}`
  const page = origin(pageListener)
  const images = origin(imageListener)

  return {
    page,
    images,
    serve(name, answer, options = {}) {
      answers.set(name, { answer, ...options })
      counts.set(name, 0)
      return `${images}/${name}`
    },
    requests: (name) => counts.get(name) ?? 0,
    async close() {
      for (const listener of [pageListener, imageListener]) {
        listener.closeAllConnections()
        listener.close()
        await once(listener, 'close')
      }
    },
  }
}

/**
 * An answer that is one image.
 * @param {Buffer} png
 * @returns {(request: express.Request, response: express.Response) => void}
 */
export const sendPng = (png) => (_, response) => {
  response.type('png').send(png)
}

/**
 * @param {unknown} data
 * @param {object} [options]
 */
export const sendData = (data, options) => sendPng(encodeDataToImage(data, options))
