/**
 * The red, green and blue of an image, read through a canvas.
 * @param {any} image
 */
export function draw(image) {
  const rgba = readBack(image.naturalWidth || image.width, image.naturalHeight || image.height, (context) =>
    context.drawImage(image, 0, 0),
  )
  const rgb = new Uint8Array((rgba.length / 4) * 3)
  for (let from = 0, to = 0; from < rgba.length; from++) if ((from & 3) < 3) rgb[to++] = rgba[from]
  return rgb
}

/** @type {number | undefined} */
let known

/**
 * How far the canvas is off when it reads back what was put there: browsers that guard against fingerprinting answer
 * with noise, and without an error. Asked once a page; 0 is honest, 256 no canvas at all.
 */
export function noise() {
  known ??= measure()
  return known
}

function measure() {
  const data = Uint8ClampedArray.from({ length: 16_384 }, (_, at) => ((at & 3) < 3 ? at & 255 : 255))
  try {
    const read = readBack(64, 64, (context) => context.putImageData(new ImageData(data, 64), 0, 0))
    return Math.max(...read.map((byte, at) => Math.abs(byte - data[at])))
  } catch {
    return 256
  }
}

/**
 * @param {number} width
 * @param {number} height
 * @param {(context: CanvasRenderingContext2D) => void} paint
 */
function readBack(width, height, paint) {
  const canvas = document.createElement('canvas')
  canvas.width = width
  canvas.height = height
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', { willReadFrequently: true }))
  paint(context)
  return context.getImageData(0, 0, width, height).data
}
