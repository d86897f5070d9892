/** The second origin: answers `/xd` with data in the pixels of an image. */

import cookieParser from 'cookie-parser'
import cors from 'cors'
import express from 'express'
import helmet from 'helmet'
import { encodeDataToImage, nextId } from 'texample'

const yearInMs = 365 * 24 * 60 * 60 * 1000

/** @param {{ pageOrigins: string[] }} options whose pages may read the answers, cookies included */
export function dataApp({ pageOrigins }) {
  const app = express()
  app.disable('etag')
  app.use(helmet(), cors({ origin: pageOrigins, credentials: true }), cookieParser())
  app.use((_request, response, next) => {
    // The page shows how many bytes each answer had; a browser tells that only with leave.
    response.set({ 'Cache-Control': 'no-store', 'Timing-Allow-Origin': pageOrigins.join(', ') })
    next()
  })

  app.get('/xd', async (request, response) => {
    response.type('png').send(encodeDataToImage(await answer(request, response)))
  })
  // The same data for `fetch`, to compare.
  app.get('/xd.json', async (request, response) => {
    response.json(await answer(request, response))
  })
  return app
}

/** Knows a visitor by the cookie, and gives a new one the next id. */
async function answer(request, response) {
  const known = /^\d{1,16}$/.test(request.cookies.uid ?? '')
  const uid = known ? Number(request.cookies.uid) : await nextId('visitors')
  if (!known) response.cookie('uid', String(uid), { httpOnly: true, sameSite: 'lax', maxAge: yearInMs })
  const { text } = request.query
  return {
    a: 1,
    en: 'owl',
    fi: 'pöllö',
    es: 'búho',
    uid,
    ...(typeof text === 'string' && { text: text.slice(0, 1000) }),
  }
}
