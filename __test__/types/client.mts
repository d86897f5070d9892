/** The types of the browser's client. */

import { decodeImage, type QueryOptions, queryXD, xdClient } from 'texample/client'

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
const images: [HTMLImageElement, ImageBitmap, Blob, Uint8Array] = [
  new Image(),
  {} as ImageBitmap,
  new Blob(),
  new Uint8Array(),
]
for (const image of images) await decodeImage<{ a: number }>(image)
// @ts-expect-error: not a way to send cookies
queryXD('http://127.0.0.1/xd', { credentials: 'same-origin' })
void data
