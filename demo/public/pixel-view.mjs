/** A canvas that shows the pixels of an image, magnified. */

/**
 * Pixels as large as the canvas allows, in rows that fill it, with the characters that each holds.
 */
export class PixelView {
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
