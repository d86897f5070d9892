'use strict'

/** One warning for a URL with options that are ignored. */

const native = require('../native/loader.cjs')

/** URLs that were looked at in this thread. @type {Set<string>} */
const seen = new Set()

/** A process with more URLs is warned of some of them again. */
const MOST_SEEN = 1000

/** @param {string} url */
function warnOfIgnoredOptions(url) {
  if (!url.includes('?') || seen.has(url)) return
  if (seen.size >= MOST_SEEN) seen.clear()
  seen.add(url)
  const ignored = native.ignoredUrlOptions(url)
  if (ignored.length === 0) return
  process.emitWarning(
    `the URL of the ids has options that do not concern them and are ignored: ${ignored.join(', ')}`,
    { type: 'TexampleWarning', code: 'TEXAMPLE_URL_OPTION' },
  )
}

module.exports = { warnOfIgnoredOptions }
