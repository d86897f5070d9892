/** One caller after another, from a cold start, default options. */

import mongoose from 'mongoose'
import makeSequence from 'mongoose-sequence'
import { OriginalIds } from '../../devtools/original-ids.mjs'
import { name, openSequence, server } from './server.mjs'

const MS = 3000

/**
 * Ids a second, one after the other, for a while.
 * @param {() => unknown} next
 */
async function rate(next) {
  const begun = performance.now()
  let count = 0
  // The clock is looked at now and then, as it costs more than an id.
  for (let chunk = 1; performance.now() - begun < MS; chunk = Math.min(chunk * 2, 10_000)) {
    for (let i = 0; i < chunk && (i % 100 !== 99 || performance.now() - begun < MS); i++, count++) await next()
  }
  return (count / (performance.now() - begun)) * 1000
}

export async function run() {
  const { url, ids } = await server()
  /** @type {import('../report.mjs').Row[]} */
  const rows = []

  const sequence = openSequence(name(), { url })
  const ours = await rate(() => sequence.nextId())
  const { waits, issued, claims } = sequence.stats()
  await sequence.close()

  const single = name()
  await ids.insertOne({ _id: single, index: 1000 })
  const increment = () => ids.findOneAndUpdate({ _id: single }, { $inc: { index: 1 } }, { returnDocument: 'after' })
  rows.push({ what: 'one findOneAndUpdate per id', value: await rate(increment), unit: 'ids/s' })
  rows.push({ what: 'mongoose-sequence', value: await plugin(url), unit: 'ids/s' })
  const original = await OriginalIds.open(ids, name(), 1000)
  const theirs = await rate(() => original.nextId())
  rows.push({ what: 'the original algorithm, step 1000', value: theirs, unit: 'ids/s' })
  const ratio = ours / theirs
  rows.push({
    what: 'texample',
    value: ours,
    unit: 'ids/s',
    ratio,
    than: 'the original, step 1000',
    goal: 'at least 10',
    met: ratio >= 10,
  })
  const perMillion = (waits / issued) * 1e6
  rows.push({
    what: `calls that waited, of ${issued.toLocaleString('en')}`,
    value: waits,
    unit: 'calls',
    ratio: perMillion,
    than: 'per million calls',
  })
  rows.push({ what: 'claims', value: claims, unit: 'claims' })
  return rows
}

/** A document saved for every id: what the plugin is for. @param {string} url */
async function plugin(url) {
  const connection = await mongoose.createConnection(url, { writeConcern: { w: 'majority', j: true } }).asPromise()
  const AutoIncrement = /** @type {any} */ (makeSequence)(connection)
  const schema = new mongoose.Schema({ number: Number })
  schema.plugin(AutoIncrement, { inc_field: 'number' })
  const Model = connection.model(name(), schema)
  const value = await rate(() => new Model().save())
  await connection.close()
  return value
}
