/** The first origin: the page, and the streams that keep it live. */

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import express from 'express'
import helmet from 'helmet'
import { streamTicks } from './ticks.mjs'

const folder = (url) => path.dirname(fileURLToPath(url))
const uplot = folder(import.meta.resolve('uplot'))

/** @param {{ dataPort: number, drawing: import('./drawing.mjs').Drawing }} options */
export function pageApp({ dataPort, drawing }) {
  const app = express()
  const html = index(drawing)
  app.use(secure(dataPort))
  app.get('/', (_request, response) => {
    response.type('html').send(html)
  })
  app.use('/client', express.static(folder(import.meta.resolve('texample/client'))))
  app.use('/uplot', express.static(uplot))
  app.use(express.static(fileURLToPath(new URL('./public', import.meta.url)), { index: false }))

  app.get('/ticks', streamTicks)
  app.get('/ids', (request, response) => drawing.stream(request, response))
  app.post('/block', (_request, response) => {
    blockEventLoop(1000)
    response.status(204).end()
  })
  app.post('/kill', async (_request, response) => {
    await drawing.killPrimary()
    response.status(204).end()
  })
  app.post('/burst', (_request, response) => {
    drawing.burst()
    response.status(204).end()
  })
  return app
}

/**
 * The page with what depends on the store already in it, so that nothing moves when the streams
 * begin.
 */
function index(drawing) {
  const html = readFileSync(new URL('./public/index.html', import.meta.url), 'utf8').replace(
    'a database',
    drawing.storeName,
  )
  return drawing.canKill ? html.replace('id="kill" type="button" hidden', 'id="kill" type="button"') : html
}

/**
 * What the page may load: its own files, and images and data of the second origin on the host it
 * was opened with.
 */
function secure(dataPort) {
  return (request, response, next) => {
    const data = `http://${request.hostname}:${dataPort}`
    helmet({
      contentSecurityPolicy: {
        useDefaults: false,
        directives: {
          defaultSrc: ["'none'"],
          baseUri: ["'none'"],
          connectSrc: ["'self'", data],
          formAction: ["'none'"],
          frameAncestors: ["'none'"],
          imgSrc: ["'self'", data],
          scriptSrc: ["'self'"],
          styleSrc: ["'self'"],
        },
      },
    })(request, response, next)
  }
}

/** What a long computation does to a server: nothing else runs on this thread. */
function blockEventLoop(ms) {
  const end = performance.now() + ms
  while (performance.now() < end);
}
