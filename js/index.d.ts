/**
 * Native threads that post to JavaScript callbacks, JSON as the pixels of a PNG,
 * and sequential unique ids.
 */
declare namespace texample {
  // ---------------------------------------------------------------- ticker

  /**
   * Called with 0, 1, 2, … by a ticker that was started without a callback of its own, with `this`
   * = the module. Looked up at every tick; while it is not a function, ticks are taken and dropped.
   */
  let callback: ((this: typeof texample, i: number) => void) | undefined

  /** What may wait for JavaScript, and what happens when more comes. */
  type Overflow = 'block' | 'drop-oldest' | 'drop-newest' | 'latest'

  /** Options of `start`. One that is not here is an error. */
  interface StartOptions {
    /**
     * Milliseconds between ticks, fractions allowed; 0 to 2^31 - 1; 0 = as fast as they are taken.
     * Tick `i` is due `(i + 1) * interval` after the start. Default 5000.
     */
    interval?: number
    /** Stop by itself after so many ticks were posted; 1 to 2^53 - 1. Default: never. */
    count?: number
    /** Ticks that may wait for JavaScript; 1 to 16 777 216. Default 1024. */
    capacity?: number
    /** What happens to a tick when `capacity` are waiting; `latest` keeps one. Default `block`. */
    overflow?: Overflow
    /** Stops the ticker when it aborts. */
    signal?: AbortSignal
    /**
     * The callback receives a `Float64Array` of ticks. It is used again after the call: copy what
     * you keep. Default false.
     */
    batch?: boolean
  }

  /** Options of `ticks`. */
  interface TicksOptions extends Omit<StartOptions, 'batch'> {
    /** Whether a `next()` that waits keeps the process alive. Default true. */
    ref?: boolean
  }

  /** Options of `start` with batches. */
  interface BatchOptions extends StartOptions {
    /** The callback receives a `Float64Array` of ticks, used again after the call. */
    batch: true
  }

  /** Counters of a ticker since its start, read at one moment. */
  interface TickerStats {
    /** Ticks that the thread has made. Always `delivered + dropped + queued`. */
    posted: number
    /** Ticks that a callback was called with. */
    delivered: number
    /** Ticks discarded: by the overflow policy, after `stop()`, or for want of a callback. */
    dropped: number
    /** How often the thread woke the event loop. */
    wakeups: number
    /** Ticks that wait now. */
    queued: number
    /** The most that ever waited. */
    maxQueued: number
    /** The longest time in milliseconds from when a tick was due to when it was delivered. */
    maxLagMs: number
    /** Why the thread ended early, or null. */
    error: Error | null
  }

  /** A running native thread that ticks. */
  interface Ticker extends Disposable {
    /**
     * Ends the thread. No callback runs after this returns, also when called inside the callback.
     */
    stop(): void
    /** Keeps the process alive while the ticker runs (the default). */
    ref(): this
    /** Lets the process end although the ticker runs. */
    unref(): this
    /** Whether the ticker keeps the process alive. */
    hasRef(): boolean
    /**
     * Resolves on stop, abort and count, after the last callback and when the thread was joined;
     * rejects with `ERR_TEXAMPLE_THREAD_PANICKED` when the thread panicked.
     */
    readonly done: Promise<void>
    /** Counters of this ticker, read at once. */
    stats(): TickerStats
  }

  /**
   * Starts a native thread that calls back every `interval` milliseconds with 0, 1, 2, …
   * @throws {TypeError | RangeError} `ERR_TEXAMPLE_INVALID_ARGUMENT`
   * @throws {TexampleError} `ERR_TEXAMPLE_THREAD_PANICKED` when the system gives no thread
   */
  function start(callback: (ticks: Float64Array) => void, options: BatchOptions): Ticker
  function start(callback?: (i: number) => void, options?: StartOptions): Ticker
  function start(options: StartOptions): Ticker

  /**
   * The same as an async iterator, like `setInterval` of `node:timers/promises`. The thread starts
   * at the first `next()` and ends on `break`; an abort rejects with an AbortError.
   */
  function ticks(options?: TicksOptions): AsyncIterableIterator<number>

  // ----------------------------------------------------------- data images

  /** Options of `encodeDataToImage`. One that is not here is an error. */
  interface EncodeOptions {
    /** How hard to compress. Default `auto`. */
    compression?: 'auto' | 'none' | 'fast' | 'best'
    /**
     * `ascii` is read by the original decoder too; `utf-8` is smaller for non-Latin text. Default
     * `ascii`.
     */
    charset?: 'ascii' | 'utf-8'
    /** The most bytes of JSON or bytes; default and limit 50 331 643. */
    maxBytes?: number
    /** Survives noise in the two low bits of each channel. Default false. */
    robust?: boolean
  }

  /** Options of `decodeImageToData`. One that is not here is an error. */
  interface DecodeOptions {
    /** The most bytes of JSON or bytes to accept; default and limit 50 331 643. */
    maxBytes?: number
  }

  /**
   * Packs data into the pixels of a lossless PNG, three bytes a pixel.
   * @param data anything `JSON.stringify` accepts; a `Uint8Array` (a `Buffer` is one) or an
   *   `ArrayBuffer` is carried as bytes
   * @returns the PNG file, ready for `res.type('png').send(…)`
   * @throws {TexampleError} `ERR_TEXAMPLE_NOT_SERIALIZABLE` when it has no JSON form,
   * `ERR_TEXAMPLE_DATA_TOO_LARGE` past `maxBytes`
   */
  function encodeDataToImage(data: unknown, options?: EncodeOptions): Buffer

  /** The same on a thread of the pool; worth it from about 100 KB. */
  function encodeDataToImageAsync(data: unknown, options?: EncodeOptions): Promise<Buffer>

  /**
   * Reads the data back from a PNG of any lossless kind: what JSON makes of it, or a `Uint8Array`
   * of carried bytes.
   * @throws {TexampleError} `ERR_TEXAMPLE_IMAGE_INVALID` when it is not a PNG,
   *   `ERR_TEXAMPLE_IMAGE_CORRUPT` when the file or its pixels were changed,
   *   `ERR_TEXAMPLE_DATA_TOO_LARGE` past `maxBytes`
   */
  function decodeImageToData<T = unknown>(png: Uint8Array, options?: DecodeOptions): T

  /** The same on a thread of the pool; worth it from about 100 KB. */
  function decodeImageToDataAsync<T = unknown>(png: Uint8Array, options?: DecodeOptions): Promise<T>

  // ------------------------------------------------------------------- ids

  type IdCallback<Id = number> = (error: Error | null, id?: Id) => void

  /**
   * The next id of the sequence `name` (default `default`), from the store that
   * `openStore()` opens without options. Ids rise within the calls of a thread and are unique
   * across threads, processes and hosts.
   * @throws rejects with `ERR_TEXAMPLE_SEQUENCE_UNAVAILABLE` when the database is out of reach for
   *   30 s
   */
  function nextId(): Promise<number>
  function nextId(callback: IdCallback): void
  function nextId(sequence: string): Promise<number>
  function nextId(sequence: string, callback: IdCallback): void

  /**
   * Closes what `nextId()` opened in this thread and gives unused ids back where that is safe.
   * Calls that wait for an id reject with `ERR_TEXAMPLE_SEQUENCE_CLOSED`. Bounded in time;
   * `nextId()` opens again afterwards.
   */
  function closeSequences(): Promise<void>

  /** Options of `openSequence`. One that is not here is an error. */
  interface SequenceOptions {
    /**
     * `mongodb://…`, `mongodb+srv://…`, `sqlite:FILE` or `memory:`. Default: the environment's
     * `TEXAMPLE_IDS_URL`, else `sqlite:texample-ids.db` in the working folder.
     */
    url?: string
    /** Collection or table. Default `ids`. */
    collection?: string
    /** First id of a sequence that does not exist yet; 0 to 2^53 - 1. Default 1000. */
    start?: number
    /** Ids in the first range, and the least later. Default 10. */
    step?: number
    /** The most ids in a range; equal to `step` = fixed ranges. Default 1 000 000. */
    maxStep?: number
    /** Milliseconds of demand to keep in hand. Default 15 000. */
    horizon?: number
    /** Milliseconds a caller waits at the most. Default 30 000. */
    timeout?: number
    /** Calls that may wait at once: of each sequence, and of `read` and `set`. Default 100 000. */
    maxWaiters?: number
    /** Ids as BigInt, past 2^53 too. Default false. */
    bigint?: boolean
  }

  /** Options of a sequence whose ids are BigInt. */
  interface BigIntSequenceOptions extends SequenceOptions {
    /** Ids as BigInt, up to 2^63 - 1. */
    bigint: true
  }

  /** Counters of a handle, and of the pool that it shares with others of this process. */
  interface SequenceStats {
    /** Ids this handle has handed out. */
    issued: number
    /** Ids the pool has claimed from the store. */
    claimed: number
    /** Ranges the pool has claimed from the store. */
    claims: number
    /** Calls of this handle that had to wait for a claim. */
    waits: number
    /** Claims that were tried again. */
    retries: number
    /** Claims that ended in an error. */
    errors: number
    /** Ids the next range will have. */
    step: number
    /** Ids claimed and not handed out yet. */
    inHand: number
    /** Measured demand, ids a second. */
    ratePerSecond: number
    /** The longest wait of a call of this handle, in milliseconds. */
    maxWaitMs: number
  }

  /** A handle on a sequence. Ids rise within one handle, in the order of its calls. */
  interface Sequence<Id extends number | bigint = number> extends AsyncDisposable {
    /**
     * The next id, from memory while one is in hand.
     * @throws rejects with `ERR_TEXAMPLE_SEQUENCE_UNAVAILABLE`, `_TIMEOUT`, `_EXHAUSTED`,
     *   `_BAD_DOCUMENT` or `_CLOSED`, with `ERR_TEXAMPLE_TOO_MANY_WAITERS`, or with the reason of
     *   the signal
     */
    nextId(options?: { signal?: AbortSignal }): Promise<Id>
    /** The same; the callback gets `null` and the id, or the error. */
    nextId(callback: IdCallback<Id>): void
    /** `count` ids, rising, not always contiguous; `count` is 1 to `maxStep`. */
    nextIds(count: number): Promise<Id extends bigint ? BigInt64Array : Float64Array>
    /**
     * The next id. While no id is in hand, as before the first claim and while the database is
     * away, it blocks the thread, event loop included, for up to `timeout`: in a server, use
     * `nextId()`.
     */
    nextIdSync(): Id
    /** Connects and claims the first range now. */
    ready(): Promise<void>
    /** Counters: of this handle and of the pool it shares. */
    stats(): SequenceStats
    /**
     * Gives unused ids back where that is safe, and ends the handle. Bounded in time; safe to call
     * twice.
     */
    close(): Promise<void>
  }

  /**
   * Opens a sequence. Does not connect before the first call that needs an id.
   * @throws {TypeError | RangeError} `ERR_TEXAMPLE_INVALID_ARGUMENT`
   */
  function openSequence(name: string | undefined, options: BigIntSequenceOptions): Sequence<bigint>
  function openSequence(name?: string, options?: SequenceOptions): Sequence

  /** Options of `openStore`, for each of its sequences. */
  interface StoreOptions extends SequenceOptions {
    /**
     * Milliseconds after which a sequence that no call draws from is closed and its unused ids are
     * given back; 0 to 2^31 - 1, kept to a quarter. Default 600 000.
     */
    idle?: number
  }

  /** Options of a store whose ids are BigInt. */
  interface BigIntStoreOptions extends StoreOptions {
    /** Ids as BigInt, up to 2^63 - 1. */
    bigint: true
  }

  /** Open sequences, and sums over them. */
  interface StoreStats extends Pick<SequenceStats, 'claimed' | 'claims' | 'retries' | 'errors' | 'inHand'> {
    /** Sequences that are open now. */
    sequences: number
  }

  /**
   * Many sequences of one database by name: a counter for each tenant, year or shop. A sequence
   * opens at its first use and closes when it is idle. After `close()` every method rejects with
   * `ERR_TEXAMPLE_SEQUENCE_CLOSED`.
   */
  interface Store<Id extends number | bigint = number> extends AsyncDisposable {
    /** The next id of a sequence, from memory while one is in hand. */
    nextId(sequence: string, options?: { signal?: AbortSignal }): Promise<Id>
    /** `count` ids of a sequence, rising, not always contiguous; `count` is 1 to `maxStep`. */
    nextIds(sequence: string, count: number): Promise<Id extends bigint ? BigInt64Array : Float64Array>
    /**
     * The next id that a claim would get: above every id in hand, and undefined while the sequence
     * does not exist. Never creates it. A BigInt where `bigint` is set, or past 2^53 - 1.
     */
    read(sequence: string): Promise<number | bigint | undefined>
    /**
     * Makes `next` the next id that a claim gets; creates the sequence. Ids that this process has
     * in hand are dropped, by all of its handles; other processes go on with those that they have.
     * @param next 0 to 2^53 - 1, or a BigInt up to 2^63 - 1
     * @param options `force`: go back too, which hands ids out a second time
     * @throws rejects with `ERR_TEXAMPLE_INVALID_ARGUMENT` when the sequence is past `next` and
     *   `force` is not set
     */
    set(sequence: string, next: number | bigint, options?: { force?: boolean }): Promise<void>
    /** Read at once; costs a native call for each open sequence. */
    stats(): StoreStats
    /** Closes every sequence and gives unused ids back. Bounded in time; safe to call twice. */
    close(): Promise<void>
  }

  /**
   * Opens a store of sequences. Does not connect before the first call that needs it.
   * @throws {TypeError | RangeError} `ERR_TEXAMPLE_INVALID_ARGUMENT`
   */
  function openStore(options: BigIntStoreOptions): Store<bigint>
  function openStore(options?: StoreOptions): Store

  // ---------------------------------------------------------------- errors

  /** Codes of errors; `ERR_TEXAMPLE_INVALID_ARGUMENT` is on a `TypeError` or a `RangeError`. */
  type ErrorCode =
    | 'ERR_TEXAMPLE_INVALID_ARGUMENT'
    | 'ERR_TEXAMPLE_NOT_SERIALIZABLE'
    | 'ERR_TEXAMPLE_DATA_TOO_LARGE'
    | 'ERR_TEXAMPLE_IMAGE_INVALID'
    | 'ERR_TEXAMPLE_IMAGE_CORRUPT'
    | 'ERR_TEXAMPLE_IMAGE_UNREADABLE'
    | 'ERR_TEXAMPLE_SEQUENCE_UNAVAILABLE'
    | 'ERR_TEXAMPLE_SEQUENCE_TIMEOUT'
    | 'ERR_TEXAMPLE_SEQUENCE_EXHAUSTED'
    | 'ERR_TEXAMPLE_SEQUENCE_BAD_DOCUMENT'
    | 'ERR_TEXAMPLE_SEQUENCE_CLOSED'
    | 'ERR_TEXAMPLE_TOO_MANY_WAITERS'
    | 'ERR_TEXAMPLE_THREAD_PANICKED'
    | 'ERR_TEXAMPLE_ADDON_MISSING'

  /** A failure that is not the caller's argument. `code` is API, the text is not. */
  class TexampleError extends Error {
    constructor(code: ErrorCode, message: string, cause?: unknown)
    /** What failed, to match on. */
    readonly code: ErrorCode
    /** The error that led to it, such as the driver's. */
    readonly cause?: unknown
  }
}

export = texample
