'use strict'

/** Loads the native half, or says how to get it. */

const { TexampleError } = require('./errors.cjs')

/** @returns {typeof import('./native.js')} */
function load() {
  try {
    return require('./native.js')
  } catch (cause) {
    throw new TexampleError(
      'ERR_TEXAMPLE_ADDON_MISSING',
      `texample has no native add-on that loads on ${process.platform} ${process.arch} with Node.js ${process.version}. ` +
        'In a checkout, build it with "npm run build" (needs Rust 1.89 or later and a C compiler).',
      cause,
    )
  }
}

module.exports = load()
