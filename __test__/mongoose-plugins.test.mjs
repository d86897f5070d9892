/**
 * What the test suites of mongoose-sequence and mongoose-auto-increment check, tried with
 * `texample/mongoose`.
 *
 * Each behaviour stands in a table of docs/migration.md: "as there", or "different" with what is
 * done instead and why.
 */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, describe, it } from 'node:test'
import mongoose9 from 'mongoose'
import mongoose8 from 'mongoose8'
import { numbered } from 'texample/mongoose'
import { startStandalone } from '../devtools/mongod.mjs'
import texample from '../js/index.cjs'

const { openStore } = texample
const INVALID = { code: 'ERR_TEXAMPLE_INVALID_ARGUMENT' }

const server = await startStandalone()
after(() => server.stop())

/**
 * @typedef {object} Bench what a check works with
 * @property {any} mongoose
 * @property {any} connection
 * @property {texample.Store} store which starts at 1
 * @property {(definition: any, options: any, schemaOptions?: any) => any} model a new model with
 * the plugin
 * @property {(prefix?: string) => string} name a new name of a sequence
 * @property {(options: texample.StoreOptions) => texample.Store} open another store
 */
/** @typedef {[behaviour: string, check: (bench: Bench) => Promise<void>]} Row */

const of = (/** @type {any[]} */ documents, field = 'id') => documents.map((document) => document.get(field))
const place =
  (/** @type {string} */ id) =>
  (/** @type {any} */ { country, city }) =>
    `${id}/${city}/${country}`

/** @type {Row[]} */
const sequenceHeld = [
  [
    'new documents count 1, 2, 3',
    async ({ model, name }) => {
      const Model = model({ id: Number, val: String }, { sequence: name(), field: 'id' })
      for (const id of [1, 2, 3, 4, 5]) assert.equal((await new Model().save()).id, id)
    },
  ],
  [
    '`create` with an array',
    async ({ model, name }) => {
      const Model = model({ id: Number, val: Number }, { sequence: name(), field: 'id' })
      assert.deepEqual(of(await Model.create([{ val: 1 }, { val: 2 }])).sort(), [1, 2])
    },
  ],
  [
    'documents that are saved at once get different numbers',
    async ({ model, name }) => {
      const Model = model({ id: Number }, { sequence: name(), field: 'id' })
      const saved = await Promise.all(Array.from({ length: 20 }, () => new Model().save()))
      assert.equal(new Set(of(saved)).size, 20)
    },
  ],
  [
    'saving a document again keeps its number',
    async ({ model, name }) => {
      const Model = model({ id: Number, val: String }, { sequence: name(), field: 'id' })
      const { id } = await Model.create({})
      const found = await Model.findOne()
      found.val = 'something'
      await found.save()
      assert.equal(found.id, id)
    },
  ],
  [
    'the counter may be the `_id`, also for parallel creates',
    async ({ model, name }) => {
      const Model = model({}, { sequence: name(), field: '_id' }, { _id: false })
      const three = await Promise.all([Model.create({}), Model.create({}), Model.create({})])
      assert.deepEqual(of(three, '_id').sort(), [1, 2, 3])
    },
  ],
  [
    'a path that is no Number is an error',
    async ({ model, name }) => {
      assert.throws(() => model({ val: String }, { sequence: name(), field: 'val' }), INVALID)
    },
  ],
  [
    'a path that the schema lacks is added',
    async ({ model, name }) => {
      const Model = model({ val: String }, { sequence: name(), field: 'id' })
      assert.equal((await Model.create({})).id, 1)
    },
  ],
  [
    'a connection of its own',
    async ({ mongoose, store, name }) => {
      const other = await mongoose.createConnection(`${server.uri}${name()}`).asPromise()
      const schema = new mongoose.Schema({ id: Number }).plugin(numbered, { store, sequence: name(), field: 'id' })
      assert.equal((await other.model('Other', schema).create({})).id, 1)
      await other.close()
    },
  ],
  [
    'two counters in one schema count apart',
    async ({ mongoose, connection, store, name }) => {
      const [like, score] = [name(), name()]
      const schema = new mongoose.Schema({ name: String, like: Number, score: Number })
      schema.plugin(numbered, { store, sequence: like, field: 'like' })
      schema.plugin(numbered, { store, sequence: score, field: 'score' })
      await store.set(score, 50)
      const { like: first, score: second } = await connection.model(name(), schema).create({})
      assert.deepEqual([first, second], [1, 50])
    },
  ],
  [
    'a counter for each value of other fields',
    async ({ mongoose, model, name }) => {
      const definition = { country: mongoose.Schema.Types.ObjectId, city: String, inhabitant: Number }
      const Model = model(definition, { sequence: place(name()), field: 'inhabitant' })
      const country = new mongoose.Types.ObjectId('59c380f51207391238e7f3f2')
      const add = async (/** @type {string} */ city) => (await Model.create({ country, city })).inhabitant
      assert.deepEqual([await add('Paris'), await add('Paris'), await add('Carcassonne')], [1, 2, 1])
    },
  ],
  [
    'two schemas with the same fields of reference count apart',
    async ({ model, name }) => {
      const definition = { country: String, city: String }
      const [First, Second] = [name(), name()].map((id) => model(definition, { sequence: place(id), field: 'n' }))
      const paris = { country: 'France', city: 'Paris' }
      assert.deepEqual([(await First.create(paris)).n, (await Second.create(paris)).n], [1, 1])
    },
  ],
  [
    'a nested path',
    async ({ model, name }) => {
      const Model = model({ parent: { nested: { type: Number } } }, { sequence: name(), field: 'parent.nested' })
      assert.deepEqual(of(await Model.create([{}, {}, {}]), 'parent.nested').sort(), [1, 2, 3])
    },
  ],
  [
    'a first number (`start_seq`)',
    async ({ model, name, open }) => {
      const Model = model({ id: Number }, { store: open({ start: 100 }), sequence: name(), field: 'id' })
      assert.deepEqual(of([await Model.create({}), await Model.create({})]), [100, 101])
    },
  ],
  [
    'after a reset (`counterReset`) it counts from the start again',
    async ({ model, store, name }) => {
      const sequence = name()
      const Model = model({ id: Number }, { sequence, field: 'id' })
      for (let i = 0; i < 5; i++) await Model.create({})
      await store.set(sequence, 1, { force: true })
      assert.equal((await Model.create({})).id, 1)
    },
  ],
  [
    'a reset of one reference leaves the others',
    async ({ model, store, name }) => {
      const id = name()
      const Model = model({ country: String, city: String }, { sequence: place(id), field: 'inhabitant' })
      const [a, b] = ['a', 'b'].map((letter) => ({ country: letter, city: letter }))
      await Model.create([a, a, a, b, b, b])
      await store.set(`${id}/a/a`, 1, { force: true })
      assert.deepEqual([(await Model.create(a)).inhabitant, (await Model.create(b)).inhabitant], [1, 4])
    },
  ],
  [
    'a document that gets no number is not saved',
    async ({ model, name, open }) => {
      const closed = open({})
      await closed.close()
      const Model = model({ id: Number }, { store: closed, sequence: name(), field: 'id' })
      await assert.rejects(new Model().save(), { code: 'ERR_TEXAMPLE_SEQUENCE_CLOSED' })
      assert.equal(await Model.countDocuments(), 0)
    },
  ],
  [
    'hooks of `save` see the number (`parallel_hooks: false`)',
    async ({ mongoose, connection, store, name }) => {
      const schema = new mongoose.Schema({ id: Number })
      /** @type {number[]} */
      const seen = []
      const look = /** @this {any} */ async function () {
        seen.push(this.id)
      }
      schema.pre('save', look)
      schema.plugin(numbered, { store, sequence: name(), field: 'id' })
      schema.pre('save', look)
      await connection.model(name(), schema).create({})
      assert.deepEqual(seen, [1, 1])
    },
  ],
]

/** @type {Row[]} */
const sequenceDifferent = [
  [
    '`insertMany` does not count',
    async ({ model, name }) => {
      const Model = model({ id: Number }, { sequence: name(), field: 'id' })
      assert.deepEqual(of(await Model.insertMany([{}, {}])), [1, 2])
    },
  ],
  [
    'the plugin is made with mongoose or a connection',
    async ({ model, name }) => {
      assert.equal((await model({}, { sequence: name() }).create({})).number, 1)
    },
  ],
  [
    'without a name of a path it is the `_id`',
    async ({ model, name }) => {
      const document = await model({ number: Number }, { sequence: name() }).create({})
      assert.deepEqual([document.number, document._id._bsontype], [1, 'ObjectId'])
    },
  ],
  [
    'a counter that is there already is an error',
    async ({ mongoose, connection, store, name }) => {
      const sequence = name()
      const schema = () => new mongoose.Schema({ number: Number }).plugin(numbered, { store, sequence })
      const Twice = connection.model(name(), schema().plugin(numbered, { store, sequence }))
      assert.equal((await Twice.create({})).number, 1, 'twice on one path counts once')
      assert.equal((await connection.model(name(), schema()).create({})).number, 2, 'two schemas share it')
    },
  ],
  [
    'fields of reference need an id',
    async ({ model, name }) => {
      const sequence = (/** @type {any} */ { city }) => city && `${name()}/${city}`
      const Model = model({ city: String }, { sequence })
      await assert.rejects(Model.create({}), { name: 'ValidationError' })
      assert.equal((await Model.create({ city: 'Paris' })).number, 1)
    },
  ],
  [
    'a counter that is moved by hand (`disable_hooks`, `setNext`)',
    async ({ mongoose, connection, store, name }) => {
      const sequence = name()
      const Manual = connection.model(name(), new mongoose.Schema({ rank: Number, parent: { nested: Number } }))
      const document = await Manual.create({})
      assert.equal(document.rank, undefined)
      document.rank = await store.nextId(sequence)
      document.parent.nested = await store.nextId(sequence)
      await document.save()
      const { rank, parent } = await Manual.findOne()
      assert.deepEqual([rank, parent.nested], [1, 2])
    },
  ],
  [
    'a wrong name of a counter is an error',
    async ({ store, name }) => {
      assert.equal(await store.nextId(name()), 1)
    },
  ],
  [
    'a reset of all references at once',
    async ({ model, store, name }) => {
      const id = name()
      const Model = model({ country: String, city: String }, { sequence: place(id), field: 'inhabitant' })
      const both = ['a', 'b'].map((letter) => ({ country: letter, city: letter }))
      await Model.create([...both, ...both])
      for (const { country, city } of both) await store.set(place(id)({ country, city }), 1, { force: true })
      assert.deepEqual(of(await Model.create(both), 'inhabitant'), [1, 1])
    },
  ],
  [
    'steps larger than one (`inc_amount`)',
    async ({ mongoose, connection, store, name }) => {
      const schema = new mongoose.Schema({ number: Number, shown: Number })
      schema.plugin(numbered, { store, sequence: name() })
      schema.pre(
        'save',
        /** @this {any} */ async function () {
          this.shown = this.number * 5
        },
      )
      const Model = connection.model(name(), schema)
      assert.deepEqual(of([await Model.create({}), await Model.create({})], 'shown'), [5, 10])
    },
  ],
  [
    'parallel hooks do not see the number',
    async ({ mongoose, connection, store, name }) => {
      const schema = new mongoose.Schema({ number: Number, copy: Number })
      schema.plugin(numbered, { store, sequence: name() })
      schema.pre(
        'save',
        /** @this {any} */ async function () {
          this.copy = this.number
        },
      )
      assert.equal((await connection.model(name(), schema).create({})).copy, 1)
    },
  ],
]

/** @type {Row[]} */
const incrementHeld = [
  [
    'the `_id` counts 0, 1',
    async ({ model, name, open }) => {
      const User = model({ name: String }, { store: open({ start: 0 }), sequence: name(), field: '_id' })
      assert.deepEqual(of([await User.create({ name: 'Ann' }), await User.create({ name: 'Bob' })], '_id'), [0, 1])
    },
  ],
  [
    'another path (`field`)',
    async ({ model, name, open }) => {
      const User = model({ name: String }, { store: open({ start: 0 }), sequence: name(), field: 'userId' })
      assert.deepEqual(of([await User.create({}), await User.create({})], 'userId'), [0, 1])
    },
  ],
  [
    'a first number (`startAt`)',
    async ({ model, name, open }) => {
      const User = model({ name: String }, { store: open({ start: 3 }), sequence: name(), field: '_id' })
      assert.deepEqual(of([await User.create({}), await User.create({})], '_id'), [3, 4])
    },
  ],
  [
    'without a name of the counter (`model`) it is an error',
    async ({ mongoose }) => {
      assert.throws(() => new mongoose.Schema({}).plugin(numbered), INVALID)
      assert.throws(() => new mongoose.Schema({}).plugin(numbered, {}), INVALID)
    },
  ],
  [
    'a number that the document has is kept',
    async ({ model, name }) => {
      const User = model({ _id: Number }, { sequence: name(), field: '_id' })
      assert.deepEqual(
        of([await User.create({ _id: 10 }), await User.create({ _id: 1_000_001 })], '_id'),
        [10, 1_000_001],
      )
    },
  ],
  [
    '`resetCount` counts from the start again',
    async ({ model, store, name }) => {
      const sequence = name()
      const User = model({}, { sequence })
      await User.create({})
      await store.set(sequence, 1, { force: true })
      assert.equal(await store.read(sequence), 1)
      assert.equal((await User.create({})).number, 1)
    },
  ],
]

/** @type {Row[]} */
const incrementDifferent = [
  [
    'a number that the document has moves the counter (up to `maxExplicitValue`)',
    async ({ model, store, name }) => {
      const sequence = name()
      const User = model({ _id: Number }, { sequence, field: '_id' })
      await User.create({ _id: 10 })
      assert.equal((await User.create({}))._id, 1)
      await store.set(sequence, 11)
      assert.equal((await User.create({}))._id, 11)
    },
  ],
  [
    'steps larger than one (`incrementBy`)',
    async ({ model, name }) => {
      assert.throws(() => model({}, { sequence: name(), incrementBy: 5 }), { ...INVALID, message: /incrementBy/ })
    },
  ],
  [
    'a unique index, unless `unique: false`',
    async ({ model, name }) => {
      const none = model({ userId: Number }, { sequence: name(), field: 'userId' })
      await none.create({})
      assert.deepEqual(Object.keys(await none.collection.indexes().then(byName)), ['_id_'])
      const own = model({ userId: { type: Number, unique: true } }, { sequence: name(), field: 'userId' })
      await own.init()
      assert.deepEqual(Object.keys(await own.collection.indexes().then(byName)), ['_id_', 'userId_1'])
    },
  ],
  [
    '`nextCount` tells the next number',
    async ({ model, store, name }) => {
      const sequence = name()
      const User = model({}, { sequence })
      assert.equal(await store.read(sequence), undefined)
      await User.create({})
      assert.ok(Number(await store.read(sequence)) > 2, 'above all that is in hand')
    },
  ],
  [
    'the plugin is initialized with a connection',
    async ({ model, name }) => {
      assert.equal((await model({}, { sequence: name() }).create({})).number, 1)
    },
  ],
]

/** @param {{ name: string }[]} indexes */
const byName = (indexes) => Object.fromEntries(indexes.map((index) => [index.name, index]))

const page = readFileSync(new URL('../docs/migration.md', import.meta.url), 'utf8')
/** Rows of the page's tables: what it is called there, and what is said of it. */
const documented = new Map([...page.matchAll(/^\| (.+?) +\| (.+?) +\|$/gm)].map(([, what, here]) => [what, here]))

for (const [version, mongoose] of /** @type {[string, any][]} */ ([
  ['8', mongoose8],
  ['9', mongoose9],
])) {
  for (const [plugin, held, different] of /** @type {[string, Row[], Row[]][]} */ ([
    ['mongoose-sequence', sequenceHeld, sequenceDifferent],
    ['mongoose-auto-increment', incrementHeld, incrementDifferent],
  ])) {
    describe(`${plugin}, Mongoose ${version}`, async () => {
      const url = `${server.uri}${plugin}${version}`
      const connection = await mongoose.createConnection(url).asPromise()
      const stores = [openStore({ url, start: 1 })]
      after(async () => {
        await connection.close()
        await Promise.all(stores.map((store) => store.close()))
      })
      let names = 0
      const name = (prefix = 'name') => `${prefix}${++names}`
      const bench = {
        ...{ mongoose, connection, store: stores[0], name },
        model: (/** @type {any} */ definition, /** @type {any} */ options, schemaOptions = {}) => {
          const schema = new mongoose.Schema(definition, schemaOptions)
          return connection.model(name('Model'), schema.plugin(numbered, { store: stores[0], ...options }))
        },
        open: (/** @type {texample.StoreOptions} */ options) => {
          stores.push(openStore({ url, ...options }))
          return /** @type {texample.Store} */ (stores.at(-1))
        },
      }
      for (const [word, rows] of /** @type {[string, Row[]][]} */ ([
        ['as there', held],
        ['different', different],
      ])) {
        for (const [behaviour, check] of rows) {
          it(`${word}: ${behaviour}`, async () => {
            assert.match(documented.get(behaviour) ?? 'not in docs/migration.md', new RegExp(`^${word}`))
            await check(bench)
          })
        }
      }
    })
  }
}

it('the tables of the page have no other rows', () => {
  const tried = [...sequenceHeld, ...sequenceDifferent, ...incrementHeld, ...incrementDifferent].map(([what]) => what)
  const said = [...documented].filter(([, here]) => /^(as there|different)/.test(here)).map(([what]) => what)
  assert.deepEqual(said.sort(), tried.sort())
})
