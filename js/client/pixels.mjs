/**
 * Red, green and blue of a picture, read through a canvas.
 * @param {any} picture
 */
export async function draw(picture) {
  // An element's own size depends on the density of its `srcset`; a bitmap has the size of the
  // file.
  const bitmap = await createImageBitmap(picture)
  const rgba = readBack(bitmap.width, bitmap.height, (context) => context.drawImage(bitmap, 0, 0))
  return new Uint8Array(rgba.filter((_, at) => at % 4 < 3))
}

/**
 * How far the canvas is off when it reads back known pixels: browsers that guard against
 * fingerprinting answer with noise, and without an error. Measured once a page; 0 is honest, 9 is
 * no canvas at all.
 */
export const noise = () => (known ??= measure())

/** @type {number | undefined} */
let known

function measure() {
  const data = new Uint8ClampedArray(16_384).map((_, at) => (at % 4 < 3 ? at & 255 : 255))
  try {
    const read = readBack(64, 64, (context) => context.putImageData(new ImageData(data, 64), 0, 0))
    return Math.max(...read.map((byte, at) => Math.abs(byte - data[at])))
  } catch {
    return 9
  }
}

/**
 * @param {number} width
 * @param {number} height
 * @param {(context: CanvasRenderingContext2D) => void} paint
 */
function readBack(width, height, paint) {
  // Workers have no document.
  const canvas = globalThis.document
    ? Object.assign(document.createElement('canvas'), { width, height })
    : new OffscreenCanvas(width, height)
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', { willReadFrequently: true }))
  paint(context)
  return context.getImageData(0, 0, width, height).data
}
