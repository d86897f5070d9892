/** The public types as a CommonJS module sees them. */

import texample = require('texample')

import { type Sequence, start, type Ticker } from 'texample'

texample.callback = function (i: number) {
  this.callback = undefined
  void i
}
const ticker: Ticker = texample.start()
const another: texample.Ticker = start({ interval: 1 })
another.unref().ref().stop()
const sequence: Sequence = texample.openSequence()
const code: texample.ErrorCode = 'ERR_TEXAMPLE_ADDON_MISSING'
void [ticker, sequence, code, new texample.TexampleError(code, 'text').cause]
