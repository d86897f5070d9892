/** The public face: what `import … from 'texample'` gives. */

import texample from './index.cjs'

export default texample
export const {
  start,
  ticks,
  encodeDataToImage,
  encodeDataToImageAsync,
  decodeImageToData,
  decodeImageToDataAsync,
  nextId,
  openSequence,
  TexampleError,
} = texample
