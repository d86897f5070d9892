'use strict'

/** The options of `openSequence` and `openStore`: checked, with defaults filled in. */

const native = require('../native/loader.cjs')
const { wrongType } = require('../errors.cjs')
const { checkBoolean, checkInteger, checkMs, checkName, checkOptions } = require('../arguments.cjs')

const DEFAULT_URL = 'sqlite:texample-ids.db'
const DEFAULT_IDLE_MS = 600_000

/** The largest range: `nextIds` makes one array of up to so many ids, 16 GB. */
const MAX_STEP = 2 ** 31 - 1

const SEQUENCE_OPTIONS = new Set([
  ...['url', 'collection', 'start', 'step', 'maxStep', 'horizon', 'timeout', 'maxWaiters', 'bigint'],
])
const STORE_OPTIONS = new Set([...SEQUENCE_OPTIONS, 'idle'])

/**
 * @typedef {object} Options
 * @property {string} url
 * @property {string} collection
 * @property {number | undefined} start
 * @property {number | undefined} step
 * @property {number | undefined} maxStep
 * @property {number | undefined} horizon
 * @property {number} timeout
 * @property {number} maxWaiters
 * @property {boolean} bigint
 */

/**
 * @param {any} [options]
 * @returns {Options}
 */
function sequenceOptions(options = {}) {
  checkOptions('options', options, SEQUENCE_OPTIONS)
  return checked(options)
}

/**
 * @param {any} [options]
 * @returns {Options & { idle: number }}
 */
function storeOptions(options = {}) {
  checkOptions('options', options, STORE_OPTIONS)
  const { idle = DEFAULT_IDLE_MS } = options
  checkMs('options.idle', idle)
  return { ...checked(options), idle }
}

/**
 * @param {any} options
 * @returns {Options}
 */
function checked(options) {
  // Each is read once: a getter may answer differently the second time.
  const { url, collection = 'ids', start, step, maxStep, horizon, timeout = 30_000, maxWaiters = 100_000 } = options
  const { bigint = false } = options
  if (url !== undefined && typeof url !== 'string') throw wrongType('options.url', 'a string', url)
  checkName('options.collection', collection)
  if (start !== undefined) checkInteger('options.start', start, 0, Number.MAX_SAFE_INTEGER)
  if (maxStep !== undefined) checkInteger('options.maxStep', maxStep, 1, MAX_STEP)
  if (step !== undefined) {
    checkInteger('options.step', step, 1, maxStep ?? MAX_STEP, maxStep === undefined ? '' : ' (maxStep)')
  }
  if (horizon !== undefined) checkMs('options.horizon', horizon)
  checkMs('options.timeout', timeout)
  checkInteger('options.maxWaiters', maxWaiters, 1, Number.MAX_SAFE_INTEGER)
  checkBoolean('options.bigint', bigint)
  return {
    url: url ?? (process.env.TEXAMPLE_IDS_URL || defaultUrl()),
    ...{ collection, start, step, maxStep, horizon, timeout, maxWaiters, bigint },
  }
}

/**
 * The default file, with a warning in production: with several hosts, each would hand out the same
 * ids.
 */
function defaultUrl() {
  if (process.env.NODE_ENV === 'production' && native.isFirstDefaultStore()) {
    process.emitWarning(
      'texample hands out ids from a SQLite file in the working folder. On several hosts each would hand out the ' +
        'same ids: set TEXAMPLE_IDS_URL, or the option url, to a MongoDB URL; or to a file, if that is what you want.',
      { type: 'TexampleWarning', code: 'TEXAMPLE_DEFAULT_STORE' },
    )
  }
  return DEFAULT_URL
}

module.exports = { sequenceOptions, storeOptions }
