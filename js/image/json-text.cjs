'use strict'

/**
 * JSON text, of a long array in pieces.
 *
 * `JSON.stringify` leaves a text in parts, and V8 joins them when the text is read. A string past
 * 128 KB gets fresh pages for that, and each page is a fault: together up to a third of the time.
 * Pieces stay in memory that is in use.
 */

const { isProxy } = require('node:util/types')

const { every, slice } = Array.prototype

/** An array of fewer elements is written at once. */
const LONG = 1024

/** Elements of the first piece, which shows how many the others are to have. */
const FIRST = 32

/** Characters of a piece: in two bytes each they are below 128 KB. */
const PIECE = 56 << 10

/** Characters of a text that is worth pieces. */
const WORTH = 128 << 10

/**
 * The JSON text of `data`; of a long array perhaps the texts of arrays that it is made of;
 * undefined if there is none.
 * @param {unknown} data
 * @param {number} most characters, past which the rest is not needed
 * @returns {string | string[] | undefined}
 */
function writeJson(data, most) {
  if (!isLongArray(data)) return JSON.stringify(data)
  const first = JSON.stringify(slice.call(data, 0, FIRST))
  if (first.length * data.length < WORTH * FIRST) return JSON.stringify(data)
  const pieces = [first]
  let written = first.length
  for (let from = FIRST; from < data.length && written <= most; ) {
    const count = Math.max(1, Math.floor((PIECE * from) / written))
    const piece = JSON.stringify(slice.call(data, from, from + count))
    pieces.push(piece)
    written += piece.length - 1
    from += count
  }
  return pieces
}

/**
 * Whether an array is long, and its elements are written as those of any other. An array that is
 * changed from within a getter or a `toJSON` deeper down is not noticed, since a piece's elements
 * are read together.
 * @param {unknown} data
 * @returns {data is unknown[]}
 */
function isLongArray(data) {
  if (!Array.isArray(data) || data.length < LONG || isProxy(data)) return false
  if (Object.getPrototypeOf(data) !== Array.prototype || data.constructor !== Array || 'toJSON' in data) return false
  return every.call(data, isPlain)
}

/**
 * Whether an element is written the same under any index, which is what `toJSON` is told.
 * @param {any} element
 */
function isPlain(element) {
  return typeof element === 'string' || typeof element === 'number' || element?.toJSON === undefined
}

/**
 * Whether no character is above `ÿ`. V8 keeps such text in one byte a character, and then knows
 * without a look at them.
 * @param {string | string[]} json
 */
function isLatin1(json) {
  return typeof json === 'string' ? !ABOVE_LATIN1.test(json) : json.every(isLatin1)
}

const ABOVE_LATIN1 = /[^\0-\xff]/

module.exports = { isLatin1, writeJson }
