'use strict'

/**
 * A Mongoose plugin that numbers new documents: `schema.plugin(numbered, { sequence: 'orders' })`.
 *
 * It runs after validation, so that a refused document takes no id, and before the first write. It
 * knows Mongoose by its hooks alone and imports no version of it.
 */

const { checkName, checkOptions, isObject } = require('../arguments.cjs')
const { wrongType } = require('../errors.cjs')
const { sharedStore } = require('../ids/index.cjs')

/** `deduplicate` is an option that Mongoose itself passes to every plugin. */
const OPTIONS = new Set(['field', 'sequence', 'store', 'deduplicate'])
const NUMBER_TYPES = new Set(['Number', 'Double', 'BigInt'])

/**
 * @param {any} schema
 * @param {any} options
 */
function numbered(schema, options) {
  checkOptions('options', options, OPTIONS)
  const { field = 'number', sequence, store } = options
  checkName('options.field', field)
  const draw = drawOf(sequence, store)
  definePath(schema, field)

  /** @this {any} a document or subdocument */
  async function number() {
    if (this.isNew && this.get(field) == null) this.set(field, await draw(this, field))
  }
  schema.post(
    'validate',
    /** @this {any} */ function () {
      return isInserted(this) ? number.call(this) : undefined
    },
  )
  // For a document that is saved without validation.
  schema.pre('save', number)
}

/**
 * Where a document's number comes from.
 * @param {any} sequence
 * @param {any} store
 * @returns {(document: any, field: string) => Promise<any>}
 */
function drawOf(sequence, store) {
  if (store !== undefined && typeof store?.nextId !== 'function') throw wrongType('options.store', 'a Store', store)
  const stored = (/** @type {any} */ name) => (store ?? sharedStore()).nextId(name)
  if (typeof sequence === 'string') {
    checkName('options.sequence', sequence)
    return () => stored(sequence)
  }
  if (typeof sequence === 'function') return (document, field) => stored(nameFor(document, field, sequence))
  if (!isObject(sequence) || typeof sequence.nextId !== 'function') {
    throw wrongType('options.sequence', 'a name, a Sequence or a function of the document', sequence)
  }
  if (store !== undefined) throw wrongType('options.store', 'absent where options.sequence is a Sequence', store)
  return () => sequence.nextId()
}

/**
 * @param {any} document
 * @param {string} field
 * @param {(document: any) => unknown} sequence
 */
function nameFor(document, field, sequence) {
  try {
    const name = sequence(document)
    checkName('the name that options.sequence returns', name)
    return name
  } catch (error) {
    throw invalid(document, field, error)
  }
}

/**
 * The document's validation error. Mongoose itself reports what a subdocument throws in that of its
 * parent.
 * @param {any} document
 * @param {string} field
 * @param {unknown} error
 */
function invalid(document, field, error) {
  if (document.$isSubdocument) return error
  const found = document.invalidate(field, error)
  // The document keeps no mark of it: it may be put right and saved again.
  document.$markValid(field)
  found.addError(field, error)
  return found
}

/**
 * @param {any} schema
 * @param {string} field
 */
function definePath(schema, field) {
  const present = schema.path(field)
  // An `_id` that Mongoose added by itself gives way.
  if (present === undefined || present.options.auto) return schema.add({ [field]: Number })
  if (!NUMBER_TYPES.has(present.instance)) throw wrongType('options.field', 'a path of type Number', present.instance)
  // What is required of a new document is missing while it is validated.
  if (present.isRequired) {
    present.required(
      /** @this {any} */ function () {
        return !isInserted(this)
      },
    )
  }
}

/**
 * Whether a document is one that a save or an insert will write. Mongoose also makes new documents
 * of what a `replaceOne` or an update with `runValidators` holds, without an `_id` and without a
 * parent, to validate them.
 * @param {any} document undefined or a query where Mongoose validates neither
 */
function isInserted(document) {
  const owner = document?.ownerDocument?.()
  return owner !== undefined && document.isNew && !owner.$isSubdocument && !owner.$__.skipId
}

module.exports = { numbered }
