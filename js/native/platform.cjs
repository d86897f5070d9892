'use strict'

/**
 * The platform as the names of native packages spell it: `linux-x64-gnu`, `darwin-arm64`,
 * `win32-x64-msvc`.
 */

/** @returns {string} */
function platform() {
  const name = `${process.platform}-${process.arch}`
  if (process.platform === 'win32') return `${name}-msvc`
  // 32-bit ARM has more than one way to call a function, and its names say which.
  const is32BitArm = process.arch === 'arm'
  if (process.platform === 'linux') return `${name}-${isMusl() ? 'musl' : 'gnu'}${is32BitArm ? 'eabihf' : ''}`
  return process.platform === 'android' && is32BitArm ? `${name}-eabi` : name
}

function isMusl() {
  /** @type {any} */
  const report = process.report?.getReport()
  return report !== undefined && report.header?.glibcVersionRuntime === undefined
}

module.exports = { platform }
