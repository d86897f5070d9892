/**
 * The types of `import … from 'texample'`: those of `require('texample')`, by name and as the
 * default.
 */

import texample from './index.js'

export default texample

export import start = texample.start
export import ticks = texample.ticks
export import Overflow = texample.Overflow
export import StartOptions = texample.StartOptions
export import TicksOptions = texample.TicksOptions
export import BatchOptions = texample.BatchOptions
export import TickerStats = texample.TickerStats
export import Ticker = texample.Ticker

export import encodeDataToImage = texample.encodeDataToImage
export import encodeDataToImageAsync = texample.encodeDataToImageAsync
export import decodeImageToData = texample.decodeImageToData
export import decodeImageToDataAsync = texample.decodeImageToDataAsync
export import EncodeOptions = texample.EncodeOptions
export import DecodeOptions = texample.DecodeOptions

export import nextId = texample.nextId
export import closeSequences = texample.closeSequences
export import openSequence = texample.openSequence
export import openStore = texample.openStore
export import IdCallback = texample.IdCallback
export import SequenceOptions = texample.SequenceOptions
export import BigIntSequenceOptions = texample.BigIntSequenceOptions
export import SequenceStats = texample.SequenceStats
export import Sequence = texample.Sequence
export import StoreOptions = texample.StoreOptions
export import BigIntStoreOptions = texample.BigIntStoreOptions
export import StoreStats = texample.StoreStats
export import Store = texample.Store

export import ErrorCode = texample.ErrorCode
export import TexampleError = texample.TexampleError
