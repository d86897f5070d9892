/**
 * The code blocks of a Markdown file.
 *
 * A comment before a block says what it needs: `<!-- example: server -->` keeps running, `page`
 * runs in a browser beside the server before it, `save` is a page that saves a picture and opens
 * it, `mongodb` needs a database, `service` is a server that SIGTERM ends, `jest`, `vitest` and
 * `node-test` are files of that runner, `addon` runs with the Rust add-on of the page. A block of
 * `text` after one is what it prints.
 */

import { readFileSync } from 'node:fs'

/**
 * @typedef {object} Example
 * @property {string} where file and line
 * @property {string} language
 * @property {string} kind
 * @property {string} code
 * @property {string | undefined} prints
 */

/**
 * @param {string} file
 * @param {string} name
 * @returns {Example[]}
 */
export function examplesOf(file, name) {
  /** @type {Example[]} */
  const examples = []
  /** @type {Example | undefined} */
  let open
  let kind = ''
  // Whether only empty lines stand between the last block and here.
  let adjacent = false
  for (const [index, line] of readFileSync(file, 'utf8').split('\n').entries()) {
    if (open !== undefined) {
      if (line.startsWith('```')) {
        close(open)
        open = undefined
      } else open.code += `${line}\n`
    } else if (line.startsWith('```')) {
      open = { where: `${name}:${index + 1}`, language: line.slice(3).trim(), kind, code: '', prints: undefined }
      kind = ''
    } else {
      kind = /^<!-- example: ([\w-]+) -->$/.exec(line)?.[1] ?? (line === '' ? kind : '')
      if (line !== '') adjacent = false
    }
  }
  return examples

  /** @param {Example} block */
  function close(block) {
    const previous = examples.at(-1)
    if (block.language === 'text' && previous?.language !== 'text' && adjacent && previous) previous.prints = block.code
    examples.push(block)
    adjacent = true
  }
}
