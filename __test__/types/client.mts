/** The types of the browser's client. */

import { decodeImage, type QueryOptions, queryXD, xdClient } from 'texample/client'
import { type EncodeImageOptions, encodeImage } from 'texample/client/encode'

const options: QueryOptions = {
  credentials: 'include',
  signal: AbortSignal.timeout(1),
  timeout: 1000,
  cacheBust: false,
  fallback: false,
  legacy: true,
}
const data: { a: number } = await queryXD<{ a: number }>(new URL('http://127.0.0.1/xd'), options)
queryXD<string>('http://127.0.0.1/xd', (error, text) => void [error, text?.length])
const ask = xdClient('http://127.0.0.1/xd', options)
ask('uid=2134', (error: unknown, value: unknown) => void [error, value])
const images = [
  new Image(),
  {} as ImageBitmap,
  document.createElement('canvas'),
  new OffscreenCanvas(1, 1),
  new Blob(),
  new File([], 'state.png'),
  new ArrayBuffer(1),
  new Uint8Array(),
  new Response(),
  'data:image/png;base64,',
  new URL('blob:null/1'),
]
const bounds = { signal: AbortSignal.timeout(1), timeout: 1000, legacy: true }
for (const image of images) await decodeImage<{ a: number }>(image, bounds)
// @ts-expect-error: no source
decodeImage(5)
const encoding: EncodeImageOptions = { charset: 'utf-8', compress: false, robust: true }
const picture: Blob = await encodeImage({ a: 1 }, encoding)
// @ts-expect-error: an option of Node.js's encoder
encodeImage(1, { compression: 'none' })
void picture
// @ts-expect-error: not a way to send cookies
queryXD('http://127.0.0.1/xd', { credentials: 'same-origin' })
void data
