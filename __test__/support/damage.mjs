/**
 * What happens to images on their way: one kind of damage at a time, from a generator that can be
 * repeated.
 */

import { file, fromPixels, pixelsOf } from './png.mjs'

/**
 * Whole numbers from 0 to below `below`, the same ones for the same seed.
 * @param {number} seed
 * @returns {(below: number) => number}
 */
export function generator(seed) {
  let state = seed >>> 0
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Brave and Firefox change the low bits of some pixels of a canvas that is read, each once. */
const noise = (change) => (pixels, random) => {
  const places = new Set(Array.from({ length: 20 + random(493) }, () => random(pixels.length)))
  for (const at of places) pixels[at] = change(pixels[at], random)
}
const everywhere = (change) => (pixels, random) => {
  for (let at = 0; at < pixels.length; at++) pixels[at] = change(pixels[at], random)
}
const lowBit = (byte, random) => byte ^ random(2)
const twoLowBits = (byte, random) => byte ^ random(4)
const oneUpOrDown = (byte, random) => Math.min(255, Math.max(0, byte + random(3) - 1))

/** @type {Record<string, (pixels: Buffer, random: (below: number) => number) => void>} */
const inPixels = {
  'one bit': (pixels, random) => {
    pixels[random(pixels.length)] ^= 1 << random(8)
  },
  'some bits': (pixels, random) => {
    for (let count = 1 + random(20); count > 0; count--) pixels[random(pixels.length)] ^= 1 << random(8)
  },
  'low bit': noise(lowBit),
  'two low bits': noise(twoLowBits),
  'one up or down': noise(oneUpOrDown),
  'low bit of all': everywhere(lowBit),
  'two low bits of all': everywhere(twoLowBits),
  'one up or down of all': everywhere(oneUpOrDown),
  'one byte': (pixels, random) => {
    pixels[random(pixels.length)] = random(256)
  },
  'one digit': (pixels, random) => {
    pixels[random(pixels.length)] = 48 + random(10)
  },
  'a run of zeros': (pixels, random) => {
    const from = random(pixels.length)
    pixels.fill(0, from, Math.min(pixels.length, from + 1 + random(40)))
  },
  'a run of other bytes': (pixels, random) => {
    const from = random(pixels.length)
    pixels.fill(123 + random(100), from, Math.min(pixels.length, from + 1 + random(40)))
  },
  'two bytes swapped': (pixels, random) => {
    const [one, other] = [random(pixels.length), random(pixels.length)]
    ;[pixels[one], pixels[other]] = [pixels[other], pixels[one]]
  },
  'all white': (pixels) => pixels.fill(255),
  'all zero': (pixels) => pixels.fill(0),
}

/** @type {Record<string, (png: Buffer, random: (below: number) => number) => Buffer>} */
const inFile = {
  'cut off': (png, random) => png.subarray(0, random(png.length)),
  'a bit of the file': (png, random) => {
    png[random(png.length)] ^= 1 << random(8)
    return png
  },
  'some bytes of the file': (png, random) => {
    for (let count = 1 + random(8); count > 0; count--) png[random(png.length)] = random(256)
    return png
  },
  'random bytes': (_, random) => file(Buffer.from(Array.from({ length: random(200) }, () => random(256)))),
}

/** The names of all damages. */
export const MODELS = [...Object.keys(inPixels), ...Object.keys(inFile)]

/**
 * A damaged copy of one of our images.
 * @param {Buffer} png
 * @param {string} model
 * @param {(below: number) => number} random
 */
export function damage(png, model, random) {
  const whole = inFile[model]
  if (whole) return whole(Buffer.from(png), random)
  const { width, height, pixels } = pixelsOf(png)
  inPixels[model](pixels, random)
  return fromPixels(pixels, { width, height })
}
