/**
 * The data image: what the visitor types, as pixels of another origin, read back here; saved and
 * dropped without one.
 */

import { encodeImage } from '/client/encode.mjs'
import { decodeImage, queryXD } from '/client/index.mjs'
import { at, say } from './dom.mjs'
import { PixelView } from './pixel-view.mjs'

export async function showImage(origin) {
  const view = new PixelView(at('pixels'))
  const text = at('text')

  function present({ data, pixels }) {
    view.show(pixels)
    at('readback').value = JSON.stringify(data)
    at('pixels-size').textContent = `${pixels.width} × ${pixels.height} pixels, three bytes in each`
  }

  let typing
  /** What was asked for last is shown, whatever comes when. */
  let turn = 0

  async function show() {
    const mine = ++turn
    const query = new URLSearchParams({ text: text.value, _: crypto.randomUUID() })
    try {
      const image = await viaImage(`${origin}/xd?${query}`)
      if (mine !== turn) return
      present(image)
      at('image-bytes').textContent = bytes(image)
      at('image-time').textContent = `${image.took.toFixed(1)} ms`
      const json = await viaFetch(`${origin}/xd.json?${query}`)
      at('fetch-bytes').textContent = bytes(json)
      at('fetch-time').textContent = `${json.took.toFixed(1)} ms`
    } catch (error) {
      say(`The data image could not be read: ${error.message}`)
    }
  }

  at('save').addEventListener('click', async () => {
    const picture = await encodeImage({ text: text.value })
    download(picture, 'texample.png')
    at('picture-status').textContent = `Saved: ${picture.size} bytes. Drop the picture here after a change of the text.`
  })

  acceptPictures(at('drop'), at('picture'), async (file) => {
    clearTimeout(typing)
    turn++
    try {
      const data = await decodeImage(file)
      present({ data, pixels: pixelsOf(await createImageBitmap(file)) })
      if (typeof data?.text === 'string') text.value = data.text
      at('picture-status').textContent = `Read from ${file.name}, which has ${file.size} bytes.`
    } catch (error) {
      at('picture-status').textContent = `${file.name} gives no data: ${error.message} (${error.code})`
    }
  })

  // The first question names the visitor: one line, as in the README.
  const { uid } = await queryXD(`${origin}/xd`, { credentials: 'include' })
  at('uid').textContent = uid

  await show()
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
  const data = await decodeImage(image)
  const took = performance.now() - started

  return { data, took, size: size(url), pixels: pixelsOf(image) }
}

/** The pixels of a picture that is here. */
function pixelsOf(image) {
  const { width, height } = image
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })
  context.drawImage(image, 0, 0)
  return context.getImageData(0, 0, width, height)
}

/** Hands a file to the visitor. */
function download(blob, name) {
  const link = Object.assign(document.createElement('a'), { href: URL.createObjectURL(blob), download: name })
  link.click()
  // The download has begun by then, and holds the file.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}

/** Calls `take` with a file that is dropped on `zone` or chosen with `input`. */
function acceptPictures(zone, input, take) {
  input.addEventListener('change', () => {
    if (input.files[0]) take(input.files[0])
    // The same file may be chosen again.
    input.value = ''
  })
  const holdsFile = (event) => event.dataTransfer.types.includes('Files')
  for (const type of ['dragover', 'drop']) {
    // A picture that misses the zone must not replace the page.
    addEventListener(type, (event) => holdsFile(event) && event.preventDefault())
  }
  zone.addEventListener('dragover', () => zone.classList.add('over'))
  zone.addEventListener('dragleave', () => zone.classList.remove('over'))
  zone.addEventListener('drop', (event) => {
    zone.classList.remove('over')
    const [file] = event.dataTransfer.files
    if (file) take(file)
  })
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
