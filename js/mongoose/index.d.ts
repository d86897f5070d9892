/**
 * A Mongoose plugin that numbers new documents; for Mongoose 8 and 9, neither of which it imports.
 */

import type { Sequence, Store } from '../index.js'

/** Options of `numbered`. One that is not here is an error. */
export interface NumberedOptions {
  /**
   * The path that gets the number, dots included. Default `number`. It must be a Number or BigInt
   * in the schema, and is added where it is missing; write it in the schema to have it in the
   * document's type.
   */
  field?: string
  /**
   * The sequence, by name, or as a handle; or a function that names it for each document: a counter
   * for each tenant or year. The function sees the validated document; what it throws is a
   * validation error of `field`.
   */
  sequence: string | Sequence | Sequence<bigint> | ((document: any) => string)
  /**
   * Where names are looked up. Default: the store of `nextId()`, which `closeSequences()` closes.
   */
  store?: Store | Store<bigint>
  /** Mongoose's own option: the plugin is applied to a schema once. */
  deduplicate?: boolean
}

/** What the plugin needs of a schema. */
export interface NumberedSchema {
  path(name: string): any
  add(definition: any): any
  pre(hook: any, run: any): any
  post(hook: any, run: any): any
}

/**
 * `schema.plugin(numbered, { sequence: 'orders' })`: each new document gets the next id of the
 * sequence on `create`, `save`, `insertMany` and `bulkSave`, after its validation, unless it has a
 * number already. Reading, updating, replacing and upserting take none.
 *
 * When no id can be had, the operation rejects with the error of `nextId()`; nothing is written.
 * @throws {TypeError | RangeError} `ERR_TEXAMPLE_INVALID_ARGUMENT`
 */
export function numbered(schema: NumberedSchema, options: NumberedOptions): void
