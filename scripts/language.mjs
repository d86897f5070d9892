/**
 * `node scripts/language.mjs`: counts what CONTRIBUTING.md rules out in the prose of this tree.
 * Both counts must be zero: actors without a name in code, and lines over 100 columns in Markdown
 * and comments.
 */

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { checkoutFiles } from './checkout.mjs'
import { Failure, main, root } from './command.mjs'

const COLUMNS = 100
const CODE = /\.(rs|[cm]?js|[cm]?ts)$/
const PROSE = /\.(rs|[cm]?js|[cm]?ts|toml|yml|css|md)$/
const GENERATED = /^js\/(native\/native\.|client\/texample)/
/** Words for a thread, a process or a handle that has a name. A line break may be within. */
const ACTOR =
  /\b(?:who|whoever|whom|(?:some|any|every)(?:body|one)|nobody|no\s+one|the\s+ones?[\s/*!]+(?:that|which|who))\b/gi

await main(async () => {
  const files = (await checkoutFiles())
    .filter((name) => PROSE.test(name) && !GENERATED.test(name))
    .map((name) => ({ name, text: readFileSync(path.join(root, name), 'utf8') }))
  const unnamed = files.filter(({ name }) => CODE.test(name) && name !== 'scripts/language.mjs').flatMap(actors)
  const long = files.flatMap(longLines)
  console.log(`${unnamed.length} actors without a name, ${long.length} lines over ${COLUMNS} columns`)
  if (unnamed.length + long.length > 0) throw new Failure([...unnamed, ...long].join('\n'))
})

function actors({ name, text }) {
  return [...text.matchAll(ACTOR)].map(({ 0: word, index }) => {
    const line = text.slice(0, index).split('\n').length
    return `${name}:${line}: "${word.replace(/\s+/g, ' ')}"; name the thread, the process or the value`
  })
}

function longLines({ name, text }) {
  const isProse = name.endsWith('.md') ? markdown() : comments()
  return text.split('\n').flatMap((line, index) => {
    // A URL cannot be broken.
    const length = [...line.replace(/https?:\/\/\S+/g, '')].length
    return isProse(line) && length > COLUMNS ? [`${name}:${index + 1}: ${length} columns`] : []
  })
}

/** Whether a line of a page is neither code nor in a table; asked of each line in turn. */
function markdown() {
  let isCode = false
  return (line) => {
    const isFence = /^\s*```/.test(line)
    if (isFence) isCode = !isCode
    return !isCode && !isFence && !/^\s*\|/.test(line)
  }
}

/** Whether a line of a program is, or ends with, a comment; asked of each line in turn. */
function comments() {
  let isBlock = false
  return (line) => {
    const opens = /^\s*\/\*/.test(line)
    const isComment = isBlock || opens || /^\s*(\/\/|# )/.test(line) || /\s\/\/ [^'"`]*$/.test(line)
    if (opens || isBlock) isBlock = !line.includes('*/')
    return isComment
  }
}
