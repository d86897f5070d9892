'use strict'

/**
 * The counters that other libraries keep in MongoDB, as sequences: for `texample ids import`.
 *
 * They are read with the application's own driver, which a user of such a library has.
 */

const { createRequire } = require('node:module')
const path = require('node:path')

/**
 * @typedef {object} Counter
 * @property {string} name the sequence's name here
 * @property {bigint} next the first id that was not handed out
 */

/**
 * Every counter of a collection; an error when a document is none, or when two would be one
 * sequence.
 * @param {string} url
 * @param {string} collection
 * @returns {Promise<Counter[]>}
 */
async function readCounters(url, collection) {
  const client = new (mongoClient())(url, { serverSelectionTimeoutMS: 10_000 })
  try {
    const documents = await client.db().collection(collection).find().toArray()
    if (documents.length === 0) throw new Error(`there is no document in the collection "${collection}"`)
    const counters = documents.map((/** @type {any} */ document) => counterOf(document))
    const names = new Set()
    for (const { name } of counters) {
      if (names.has(name)) throw new Error(`two counters of "${collection}" would both be the sequence "${name}"`)
      names.add(name)
    }
    return counters
  } finally {
    await client.close()
  }
}

function mongoClient() {
  const application = createRequire(path.join(process.cwd(), 'package.json'))
  /** @type {[string, (module: any) => any][]} */
  const drivers = [
    ['mongodb', (mongodb) => mongodb.MongoClient],
    ['mongoose', (mongoose) => mongoose.mongo.MongoClient],
  ]
  for (const [name, clientOf] of drivers) {
    try {
      return clientOf(application(name))
    } catch (error) {
      if (/** @type {any} */ (error).code !== 'MODULE_NOT_FOUND') throw error
    }
  }
  throw new Error(
    'ids import reads counters with the package mongoose or mongodb, and this folder has neither: ' +
      'run it in the folder of the application, or run "npm install mongodb" first',
  )
}

/**
 * @param {any} document
 * @returns {Counter}
 */
function counterOf(document) {
  const { _id, __v, ...fields } = document
  const { id, reference_value: reference, seq, model, field, groupingField, count } = fields
  // mongoose-sequence
  if (typeof id === 'string' && seq !== undefined) {
    const values = Object.keys(reference ?? {}).sort()
    return counter(document, [id, ...values.map((key) => reference[key])], seq)
  }
  // mongoose-auto-increment
  if (typeof model === 'string' && typeof field === 'string' && count !== undefined) {
    const group = groupingField === undefined || groupingField === '' ? [] : [groupingField]
    return counter(document, [`${model}.${field}`, ...group], count)
  }
  // Made by hand with $inc: a name and one number.
  const numbers = Object.values(fields)
  if (typeof _id === 'string' && numbers.length === 1) return counter(document, [_id], numbers[0])
  throw notACounter(document, 'it is none of mongoose-sequence, of mongoose-auto-increment, or one name and one number')
}

/**
 * @param {any} document
 * @param {any[]} parts of the name
 * @param {any} last the last number that was handed out
 * @returns {Counter}
 */
function counter(document, parts, last) {
  // A Long is a number that a double cannot hold.
  const value = Number.isSafeInteger(last) || last?._bsontype === 'Long' ? BigInt(last.toString()) : undefined
  if (value === undefined || value < -1n) throw notACounter(document, 'its number is not an integer from -1')
  return { name: parts.map((part) => text(document, part)).join('/'), next: value + 1n }
}

/**
 * @param {any} document
 * @param {any} part
 */
function text(document, part) {
  if (part === null || part === undefined) return ''
  if (part instanceof Date) return part.toISOString()
  if (typeof part !== 'object' || part._bsontype === 'ObjectId') return String(part)
  throw notACounter(document, 'a part of its reference is an object')
}

/**
 * @param {any} document
 * @param {string} why
 */
function notACounter(document, why) {
  return new Error(`${JSON.stringify(document)} is not a counter that can be taken over: ${why}`)
}

module.exports = { readCounters }
