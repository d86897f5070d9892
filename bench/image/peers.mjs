/** What else puts bytes into the pixels of a PNG, each from data to file. */

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
function original(data) {
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

/** Pixels as RGBA, in rows of 4096 where one row is too long for a canvas. */
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

/** node-canvas with the least work on the pixels. */
function tuned(data) {
  const { width, height, data: image } = rgba(data)
  const canvas = nodeCanvas.createCanvas(width, height)
  canvas.getContext('2d').putImageData(new nodeCanvas.ImageData(image, width, height), 0, 0)
  return canvas.toBuffer('image/png', { compressionLevel: 1, filters: canvas.PNG_FILTER_NONE })
}

function bySharp(data) {
  const bytes = Buffer.from(`${JSON.stringify(data)}\0crc.`)
  const pixels = Math.ceil(bytes.length / 3)
  const width = pixels <= 16_384 ? pixels : 4_096
  const height = Math.ceil(pixels / width)
  const image = Buffer.alloc(width * height * 3)
  bytes.copy(image)
  const picture = sharp(image, { raw: { width, height, channels: 3 }, limitInputPixels: false })
  return picture.png({ compressionLevel: 1 }).toBuffer()
}

function byPngjs(data) {
  return PNG.sync.write(Object.assign(new PNG(), rgba(data)), { colorType: 2, deflateLevel: 1, filterType: 0 })
}

/** @type {[string, (data: unknown) => Buffer | Promise<Buffer>][]} */
export const peers = [
  ['original code (node-canvas)', original],
  ['node-canvas, tuned', tuned],
  ['sharp, level 1', bySharp],
  ['pngjs, level 1', byPngjs],
]
