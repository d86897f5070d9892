'use strict'

/** What claims do, for observers: diagnostics_channel, and NODE_DEBUG=texample. */

const { channel } = require('node:diagnostics_channel')
const { debuglog } = require('node:util')
const { TexampleError } = require('../errors.cjs')

const claims = channel('texample:ids:claim')
const errors = channel('texample:ids:error')
const log = debuglog('texample')

function isObserved() {
  return claims.hasSubscribers || errors.hasSubscribers || log.enabled
}

/** @param {import('../native/native.js').ClaimEvent} event */
function publish({ sequence, collection, label, first, count, duration, failures, code, message }) {
  if (first !== undefined && first !== null) {
    log('%s: claimed %d from %s in %d ms', label, count, first, duration)
    claims.publish({ sequence, collection, label, first, count, duration, failures })
  } else {
    const error = new TexampleError(code ?? 'ERR_TEXAMPLE_SEQUENCE_UNAVAILABLE', message ?? '')
    log('%s: claim failed after %d ms, %d in a row: %s', label, duration, failures, error.message)
    errors.publish({ sequence, collection, label, error, duration, failures })
  }
}

module.exports = { isObserved, publish }
