/**
 * `node scripts/language.mjs`: counts what CONTRIBUTING.md rules out in the prose of this tree.
 * Both counts must be zero: actors without a name in code, and lines over 100 columns in Markdown
 * and comments.
 */

import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { Failure, main, must, root } from './command.mjs'

const COLUMNS = 100
const CODE = /\.(rs|[cm]?js|[cm]?ts)$/
const OTHER_COMMENTS = /\.(toml|yml|css)$/
const GENERATED = /^js\/(native\/native\.|client\/texample)/
/** Words for a thread, a process or a handle that has a name. A line break may be within. */
const ACTOR =
  /\b(?:who|whoever|whom|(?:some|any|every)(?:body|one)|nobody|no\s+one|the\s+ones?[\s/*!]+(?:that|which|who))\b/gi

await main(async () => {
  const listed = await must('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    capture: true,
  })
  // A file that was removed is listed until that is committed, one in conflict several times.
  const files = [...new Set(listed.split('\n'))].filter(
    (name) => name !== '' && !GENERATED.test(name) && existsSync(path.join(root, name)),
  )
  const unnamed = files.filter((name) => CODE.test(name) && name !== 'scripts/language.mjs').flatMap(actors)
  const long = files.flatMap(longLines)
  console.log(`${unnamed.length} actors without a name, ${long.length} lines over ${COLUMNS} columns`)
  if (unnamed.length + long.length > 0) throw new Failure([...unnamed, ...long].join('\n'))
})

/** @param {string} name */
function actors(name) {
  const text = read(name)
  return [...text.matchAll(ACTOR)].map(({ 0: word, index }) => {
    const line = text.slice(0, index).split('\n').length
    return `${name}:${line}: "${word.replace(/\s+/g, ' ')}"; name the thread, the process or the value`
  })
}

/** @param {string} name */
function longLines(name) {
  const prose = name.endsWith('.md') ? markdown : CODE.test(name) || OTHER_COMMENTS.test(name) ? comments : undefined
  return prose === undefined ? [] : prose(read(name).split('\n')).flatMap(complain)

  /** @param {[number, string]} numbered */
  function complain([number, line]) {
    // A URL cannot be broken.
    const length = [...line.replace(/https?:\/\/\S+/g, '')].length
    return length > COLUMNS ? [`${name}:${number}: ${length} columns`] : []
  }
}

/**
 * Lines of a page that are neither code nor a table.
 * @param {string[]} lines
 * @returns {[number, string][]}
 */
function markdown(lines) {
  let isCode = false
  return numbered(lines).filter(([, line]) => {
    const isFence = /^\s*```/.test(line)
    if (isFence) isCode = !isCode
    return !isCode && !isFence && !/^\s*\|/.test(line)
  })
}

/**
 * Lines of a program that are, or end with, a comment.
 * @param {string[]} lines
 * @returns {[number, string][]}
 */
function comments(lines) {
  let isBlock = false
  return numbered(lines).filter(([, line]) => {
    const opens = /^\s*\/\*/.test(line)
    const isComment = isBlock || opens || /^\s*(\/\/|# )/.test(line) || /\s\/\/ [^'"`]*$/.test(line)
    if (opens || isBlock) isBlock = !line.includes('*/')
    return isComment
  })
}

/**
 * @param {string[]} lines
 * @returns {[number, string][]}
 */
function numbered(lines) {
  return lines.map((line, index) => [index + 1, line])
}

/** @param {string} name */
function read(name) {
  return readFileSync(path.join(root, name), 'utf8')
}
