/** What else puts bytes into the pixels of a PNG, each from data to file. */

import napiCanvas from '@napi-rs/canvas'
import { encode as fastPng } from 'fast-png'
import { PNG } from 'pngjs'
import sharp from 'sharp'

let nodeCanvas
try {
  nodeCanvas = (await import('canvas')).default
} catch (cause) {
  throw new Error(
    'node-canvas, which the original code used, is not built. On Debian: "apt-get install libcairo2-dev ' +
      'libpango1.0-dev libjpeg-dev libgif-dev librsvg2-dev pkg-config", then "npm ci --prefix bench".',
    { cause },
  )
}

/**
 * The original's code: percent-encoded JSON in one row of a node-canvas.
 * @param {unknown} data
 */
export function original(data) {
  const bytes = Buffer.from(encodeURIComponent(JSON.stringify(data)))
  const width = Math.ceil(bytes.length / 3)
  const canvas = nodeCanvas.createCanvas(width, 1)
  const context = canvas.getContext('2d')
  const image = context.createImageData(width, 1)
  for (let at = 0, from = 0; from < bytes.length; at++) {
    image.data[at] = at % 4 === 3 ? 255 : bytes[from++]
  }
  context.putImageData(image, 0, 0)
  return canvas.toBuffer()
}

/** Pixels as RGBA, rows of 4096 where one row is too long for a canvas. */
function rgba(data) {
  const bytes = Buffer.from(`${JSON.stringify(data)}\0crc.`)
  const pixels = Math.ceil(bytes.length / 3)
  const width = pixels <= 16_384 ? pixels : 4_096
  const height = Math.ceil(pixels / width)
  const image = new Uint8ClampedArray(width * height * 4)
  for (let from = 0, to = 0; from < bytes.length; from += 3, to += 4) {
    image[to] = bytes[from]
    image[to + 1] = bytes[from + 1]
    image[to + 2] = bytes[from + 2]
    image[to + 3] = 255
  }
  return { width, height, data: image }
}

/** Pixels as RGB. */
function rgb(data) {
  const bytes = Buffer.from(`${JSON.stringify(data)}\0crc.`)
  const pixels = Math.ceil(bytes.length / 3)
  const width = pixels <= 16_384 ? pixels : 4_096
  const height = Math.ceil(pixels / width)
  const image = Buffer.alloc(width * height * 3)
  bytes.copy(image)
  return { width, height, data: image }
}

function onCanvas(library, data, toBuffer) {
  const image = rgba(data)
  const canvas = library.createCanvas(image.width, image.height)
  const context = canvas.getContext('2d')
  context.putImageData(new library.ImageData(image.data, image.width, image.height), 0, 0)
  return toBuffer(canvas)
}

/** @type {[string, (data: unknown) => Buffer | Uint8Array | Promise<Buffer>][]} */
export const peers = [
  ['original code (node-canvas)', original],
  [
    'node-canvas, tuned',
    (data) =>
      onCanvas(nodeCanvas, data, (canvas) =>
        canvas.toBuffer('image/png', { compressionLevel: 1, filters: canvas.PNG_FILTER_NONE }),
      ),
  ],
  ['@napi-rs/canvas', (data) => onCanvas(napiCanvas, data, (canvas) => canvas.toBuffer('image/png'))],
  [
    'sharp, level 1',
    (data) => {
      const { width, height, data: image } = rgb(data)
      return sharp(image, { raw: { width, height, channels: 3 }, limitInputPixels: false })
        .png({ compressionLevel: 1 })
        .toBuffer()
    },
  ],
  ['pngjs', (data) => PNG.sync.write(Object.assign(rgba(data)), { colorType: 2, deflateLevel: 1, filterType: 0 })],
  ['fast-png', (data) => fastPng({ ...rgb(data), channels: 3 }, { zlib: { level: 1 } })],
]
