'use strict'

/** The public face: what `require('texample')` gives. */

const { TexampleError } = require('./errors.cjs')
const image = require('./image/index.cjs')
const ids = require('./ids/index.cjs')
const ticker = require('./ticker/index.cjs')

/** @type {any} */
const texample = module.exports

texample.callback = undefined
// `start()` without a callback looks `texample.callback` up at every tick.
Object.assign(texample, ticker.create(texample))
texample.encodeDataToImage = image.encodeDataToImage
texample.encodeDataToImageAsync = image.encodeDataToImageAsync
texample.decodeImageToData = image.decodeImageToData
texample.decodeImageToDataAsync = image.decodeImageToDataAsync
texample.nextId = ids.nextId
texample.closeSequences = ids.closeSequences
texample.openSequence = ids.openSequence
texample.openStore = ids.openStore
texample.TexampleError = TexampleError
