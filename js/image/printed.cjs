'use strict'

/** Carried JSON text for people: digits, order and duplicate keys stay as they are. */

/** An escape, and the backslash that is none because another escapes it. */
const ESCAPE = /\\(?:u([0-9a-f]{4})|.)/g

/** Strings, punctuation, and runs of everything else that is not white space. */
const TOKENS = /"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s[\]{},:"]+/g

/**
 * Undoes the escapes that an encoder adds: `%`, and what is above `~`. A lone surrogate stays one.
 * @param {string} json
 */
function unescaped(json) {
  const text = json.replace(ESCAPE, (written, digits) => {
    const unit = Number.parseInt(digits, 16)
    return unit === 0x25 || unit > 0x7e ? String.fromCharCode(unit) : written
  })
  return text.replace(/\p{Surrogate}/gu, (lone) => `\\u${lone.charCodeAt(0).toString(16)}`)
}

/**
 * Indented as by `JSON.stringify(…, null, 2)`.
 * @param {string} json valid JSON text
 */
function indented(json) {
  let text = ''
  let depth = 0
  let before = ''
  for (const [token] of json.matchAll(TOKENS)) {
    const closes = token === '}' || token === ']'
    if (closes) depth--
    const isFirst = before === '{' || before === '['
    if (isFirst ? !closes : closes || before === ',') text += `\n${'  '.repeat(depth)}`
    text += token === ':' ? ': ' : token
    if (token === '{' || token === '[') depth++
    before = token
  }
  return text
}

module.exports = { indented, unescaped }
