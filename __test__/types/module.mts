/** Every public item as an ES module sees it, and what must not compile. */

import texample, {
  closeSequences,
  decodeImageToData,
  decodeImageToDataAsync,
  type EncodeOptions,
  type ErrorCode,
  encodeDataToImage,
  encodeDataToImageAsync,
  nextId,
  openSequence,
  openStore,
  type Sequence,
  type SequenceOptions,
  type SequenceStats,
  type StartOptions,
  type Store,
  type StoreOptions,
  type StoreStats,
  start,
  TexampleError,
  type Ticker,
  type TickerStats,
  ticks,
} from 'texample'

/** Holds when both types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <T extends true>(_: T) => {}

// ------------------------------------------------------------------ ticker

const options: StartOptions = {
  interval: 0.5,
  count: 3,
  capacity: 1,
  overflow: 'drop-oldest',
  signal: AbortSignal.timeout(1),
  batch: false,
}
const ticker = start((i) => same<Same<typeof i, number>>(true), options)
same<Same<typeof ticker, Ticker>>(true)
start((batch) => same<Same<typeof batch, Float64Array>>(true), { batch: true })
texample.start()
start(options)
same<Same<typeof ticker.done, Promise<void>>>(true)
const stats: TickerStats = ticker.stats()
const numbers: number =
  stats.posted + stats.delivered + stats.dropped + stats.wakeups + stats.queued + stats.maxQueued + stats.maxLagMs
const held: boolean = ticker.ref().unref().hasRef()
{
  using disposed = start()
  void disposed
}
start(undefined, { batch: Math.random() < 0.5 })
// @ts-expect-error: not an option
start((i) => void i, { delay: 5 })
for await (const i of ticks({ count: 1, ref: false })) same<Same<typeof i, number>>(true)
// @ts-expect-error: an iterator gives one tick at a time
ticks({ batch: true })
// @ts-expect-error: not a policy
start({ overflow: 'drop' })
// @ts-expect-error: milliseconds are a number
start({ interval: '5' })

// ------------------------------------------------------------- data images

const encoding: EncodeOptions = { compression: 'best', charset: 'utf-8', maxBytes: 10, robust: true }
const png: Buffer = encodeDataToImage({ a: 1 }, encoding)
const later: Promise<Buffer> = encodeDataToImageAsync([], encoding)
same<Same<ReturnType<typeof decodeImageToData>, unknown>>(true)
const data = decodeImageToData<{ a: number }>(png, { maxBytes: 5 })
same<Same<typeof data, { a: number }>>(true)
const read: Promise<string[]> = decodeImageToDataAsync<string[]>(new Uint8Array())
// @ts-expect-error: not a compression
encodeDataToImage({}, { compression: 9 })
// @ts-expect-error: bytes, not text
decodeImageToData('png')

// --------------------------------------------------------------------- ids

const id: number = await nextId()
const named: number = await nextId('orders')
nextId((error, next) => void [error?.message, next?.toFixed()])
nextId('orders', (error, next) => void [error, next])
const every: SequenceOptions = {
  url: 'memory:',
  collection: 'ids',
  start: 0,
  step: 1,
  maxStep: 2,
  horizon: 3,
  timeout: 4,
  maxWaiters: 5,
}
const sequence: Sequence = openSequence('orders', every)
same<Same<Awaited<ReturnType<typeof sequence.nextIds>>, Float64Array>>(true)
const signalled: Promise<number> = sequence.nextId({ signal: AbortSignal.abort() })
const now: number = sequence.nextIdSync()
sequence.nextId((error, next) => void [error, next?.toFixed()])
const counts: SequenceStats = sequence.stats()
await sequence.ready()
await sequence.close()
{
  await using disposed = openSequence()
  void disposed
}
const large = openSequence('orders', { bigint: true })
same<Same<typeof large, Sequence<bigint>>>(true)
const largeId: bigint = await large.nextId()
const largeIds: BigInt64Array = await large.nextIds(3)
const largeNow: bigint = large.nextIdSync()
const storeOptions: StoreOptions = { ...every, idle: 1000 }
const store: Store = openStore(storeOptions)
const stored: number = await store.nextId('a', { signal: AbortSignal.abort() })
same<Same<Awaited<ReturnType<typeof store.nextIds>>, Float64Array>>(true)
const looked: number | bigint | undefined = await store.read('a')
await store.set('a', 5, { force: true })
await store.set('a', 5n)
const sums: StoreStats = store.stats()
same<Same<keyof StoreStats, 'sequences' | 'claimed' | 'claims' | 'retries' | 'errors' | 'inHand'>>(true)
{
  await using disposed = openStore()
  void disposed
}
const largeStore = openStore({ bigint: true })
same<Same<typeof largeStore, Store<bigint>>>(true)
const largeStored: bigint = await largeStore.nextId('a')
const closed: Promise<void> = closeSequences()
// @ts-expect-error: a store needs a name
store.nextId()
// @ts-expect-error: not an option of a sequence
openSequence('orders', { idle: 5 })
// @ts-expect-error: a name is a string
openSequence(1)
// @ts-expect-error: not an option
openSequence('orders', { steps: 3 })

// ------------------------------------------------------------------ errors

const error = new TexampleError('ERR_TEXAMPLE_IMAGE_CORRUPT', 'text', new Error('cause'))
same<Same<typeof error.code, ErrorCode>>(true)
// @ts-expect-error: not a code
new TexampleError('ERR_OTHER', 'text')

void [numbers, held, later, read, id, named, signalled, now, counts, largeId, largeIds, largeNow, stored, looked, sums]
void [largeStored, closed]
