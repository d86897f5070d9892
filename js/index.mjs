/** The public face: what `import … from 'texample'` gives. */

import commonjs from './index.cjs'

/** @type {typeof import('./index.js')} */
const texample = commonjs

export default texample
export const {
  start,
  ticks,
  encodeDataToImage,
  encodeDataToImageAsync,
  decodeImageToData,
  decodeImageToDataAsync,
  nextId,
  closeSequences,
  openSequence,
  openStore,
  TexampleError,
} = texample
