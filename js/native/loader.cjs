'use strict'

/** Loads the native half, or says how to get it. */

const { existsSync } = require('node:fs')
const path = require('node:path')
const { TexampleError } = require('../errors.cjs')
const { platform } = require('./platform.cjs')

/** @returns {typeof import('./native.js')} */
function load() {
  try {
    return require('./native.js')
  } catch (cause) {
    throw new TexampleError('ERR_TEXAMPLE_ADDON_MISSING', howToGetIt(), cause)
  }
}

function howToGetIt() {
  const missing = `texample found no native add-on for ${platform()} (Node.js ${process.version}).`
  const needs = 'needs Rust 1.89 or later and a C compiler'
  const isCheckout = existsSync(path.join(__dirname, '..', '..', 'scripts', 'build.mjs'))
  if (isCheckout) return `${missing} Build it with "npm run build" (${needs}).`
  return (
    `${missing} Where there is a prebuilt one, "npm install --include=optional" brings it as the package ` +
    `texample-${platform()}; everywhere else, "npx texample build" builds it from source (${needs}).`
  )
}

module.exports = load()
