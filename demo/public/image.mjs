/** The data image: what the visitor types, as pixels of another origin, read back here. */

import { decodeImage, queryXD } from '/client/index.mjs'

const at = (id) => document.getElementById(id)

export async function showImage(origin, say) {
  const view = new PixelView(at('pixels'))
  const text = at('text')

  async function show() {
    const query = new URLSearchParams({ text: text.value, _: crypto.randomUUID() })
    try {
      const image = await viaImage(`${origin}/xd?${query}`)
      view.show(image.pixels)
      at('readback').value = JSON.stringify(image.data)
      at('pixels-size').textContent = `${image.pixels.width} × ${image.pixels.height} pixels, three bytes in each`
      at('image-bytes').textContent = bytes(image)
      at('image-time').textContent = `${image.took.toFixed(1)} ms`
      const json = await viaFetch(`${origin}/xd.json?${query}`)
      at('fetch-bytes').textContent = bytes(json)
      at('fetch-time').textContent = `${json.took.toFixed(1)} ms`
    } catch (error) {
      say(`The data image could not be read: ${error.message}`)
    }
  }

  // The first question names the visitor: one line, as in the README.
  const { uid } = await queryXD(`${origin}/xd`, { credentials: 'include' })
  at('uid').textContent = uid

  await show()
  let typing
  text.addEventListener('input', () => {
    clearTimeout(typing)
    typing = setTimeout(show, 120)
  })
}

/** Loads the image by hand, as `queryXD` does, because its pixels are wanted too. */
async function viaImage(url) {
  const image = new Image()
  image.crossOrigin = 'use-credentials'
  const started = performance.now()
  image.src = url
  await image.decode()
  const data = await decodeImage(image)
  const took = performance.now() - started

  const canvas = new OffscreenCanvas(image.width, image.height)
  const context = canvas.getContext('2d', { willReadFrequently: true })
  context.drawImage(image, 0, 0)
  return { data, took, size: size(url), pixels: context.getImageData(0, 0, image.width, image.height) }
}

async function viaFetch(url) {
  const started = performance.now()
  const response = await fetch(url, { credentials: 'include' })
  await response.json()
  return { took: performance.now() - started, size: size(url) }
}

/** Bytes of the body as they crossed, or undefined where the browser does not tell. */
function size(url) {
  const [entry] = performance.getEntriesByName(url, 'resource')
  performance.clearResourceTimings()
  return entry?.encodedBodySize || undefined
}

const bytes = ({ size }) => (size === undefined ? '–' : String(size))

/** Pixels as large as the place allows, in rows that fill it, with the characters that each holds. */
class PixelView {
  #canvas
  #pixels

  constructor(canvas) {
    this.#canvas = canvas
    new ResizeObserver(() => this.#draw()).observe(canvas)
  }

  show(pixels) {
    this.#pixels = pixels
    this.#draw()
  }

  #draw() {
    if (this.#pixels === undefined) return
    const canvas = this.#canvas
    const scale = devicePixelRatio
    const width = canvas.clientWidth
    const height = canvas.clientHeight
    canvas.width = Math.round(width * scale)
    canvas.height = Math.round(height * scale)
    const context = canvas.getContext('2d')
    context.scale(scale, scale)

    const { data, width: columns, height: rows } = this.#pixels
    const count = columns * rows
    const side = largestSide(width, height, count)
    const perRow = Math.floor(width / side)
    context.font = `600 ${Math.floor(side / 2.9)}px ui-monospace, "DejaVu Sans Mono", monospace`
    context.textAlign = 'center'
    context.textBaseline = 'middle'
    for (let i = 0; i < count; i += 1) {
      const bytes = data.subarray(i * 4, i * 4 + 3)
      const x = (i % perRow) * side
      const y = Math.floor(i / perRow) * side
      context.fillStyle = `rgb(${bytes.join()})`
      context.fillRect(x, y, side - 1, side - 1)
      if (side < 18) continue
      const [red, green, blue] = bytes
      context.fillStyle = red * 0.299 + green * 0.587 + blue * 0.114 > 130 ? '#000' : '#fff'
      context.fillText(Array.from(bytes, character).join(''), x + side / 2 - 0.5, y + side / 2)
    }
  }
}

/** The largest square with which `count` of them fit. */
function largestSide(width, height, count) {
  let side = Math.floor(Math.min(height, Math.sqrt((width * height) / count)))
  while (side > 1 && Math.floor(width / side) * Math.floor(height / side) < count) side -= 1
  return Math.min(side, 48)
}

/** A byte as one character; a dot for what has none, such as the terminator and the CRC. */
function character(byte) {
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·'
}
