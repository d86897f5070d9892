'use strict'

/** The platform as the names of native packages spell it: `linux-x64-gnu`, `darwin-arm64`, `win32-x64-msvc`. */

/** @returns {string} */
function platform() {
  const name = `${process.platform}-${process.arch}`
  if (process.platform === 'win32') return `${name}-msvc`
  return process.platform === 'linux' ? `${name}-${isMusl() ? 'musl' : 'gnu'}` : name
}

function isMusl() {
  /** @type {any} */
  const report = process.report?.getReport()
  return report !== undefined && report.header?.glibcVersionRuntime === undefined
}

module.exports = { platform }
