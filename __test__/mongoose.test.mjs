/**
 * `texample/mongoose` with Mongoose 8 and 9: which documents get an id, which get none, and what a
 * failure is.
 */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import mongoose9 from 'mongoose'
import mongoose8 from 'mongoose8'
import { numbered } from 'texample/mongoose'
import { startReplicaSet } from '../devtools/mongod.mjs'
import texample from '../js/index.cjs'

const { closeSequences, openSequence, openStore } = texample
const INVALID = { code: 'ERR_TEXAMPLE_INVALID_ARGUMENT' }

// One member: transactions need a replica set.
const server = await startReplicaSet({ count: 1 })
after(() => server.stop())

for (const [version, mongoose] of /** @type {[string, any][]} */ ([
  ['8', mongoose8],
  ['9', mongoose9],
])) {
  describe(`Mongoose ${version}`, () => {
    const url = server.uri.replace('/?', `/mongoose${version}?`)
    const store = openStore({ url, start: 1 })
    /** @type {any} */
    let connection
    before(async () => {
      assert.match(mongoose.version, new RegExp(`^${version}\\.`))
      connection = await mongoose.createConnection(url).asPromise()
    })
    after(async () => {
      await connection.close()
      await store.close()
    })

    let names = 0
    /**
     * A model, and the name of its own sequence.
     * @param {any} definition
     * @param {any} [options] of the plugin
     * @param {any} [schemaOptions]
     */
    function model(definition, options = {}, schemaOptions = {}) {
      const name = `Model${++names}`
      const schema = new mongoose.Schema(definition, schemaOptions).plugin(numbered, {
        store,
        sequence: name,
        ...options,
      })
      return { Model: connection.model(name, schema), name }
    }
    const numbersOf = (/** @type {any[]} */ documents) => documents.map((document) => document.number)
    /**
     * How many ids of a sequence a piece of work takes.
     * @param {string} name
     * @param {() => Promise<unknown>} work
     */
    async function taken(name, work) {
      const first = await store.nextId(name)
      await work()
      return (await store.nextId(name)) - first - 1
    }

    it('create, save, insertMany, bulkSave number documents', async () => {
      const { Model } = model({ item: String })
      assert.equal((await Model.create({ item: 'a' })).number, 1)
      assert.equal((await new Model({ item: 'b' }).save()).number, 2)
      assert.deepEqual(numbersOf(await Model.insertMany([{ item: 'c' }, { item: 'd' }])), [3, 4])
      assert.deepEqual(numbersOf(await Model.insertMany({ item: 'e' })), [5])
      const both = [new Model({ item: 'f' }), new Model({ item: 'g' })]
      await Model.bulkSave(both)
      assert.deepEqual(numbersOf(both), [6, 7])
      assert.deepEqual(numbersOf(await Model.create([{ item: 'h' }, { item: 'i' }])), [8, 9])
      await Model.bulkWrite([{ insertOne: { document: { item: 'j' } } }])
      assert.deepEqual(numbersOf(await Model.find().sort({ item: 1 })), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    })

    it('many documents are one batch, in their order', async () => {
      const { Model, name } = model({ item: Number })
      const all = Array.from({ length: 3000 }, (_, item) => ({ item }))
      const before = store.stats().claims
      const inserted = numbersOf(await Model.insertMany(all))
      assert.deepEqual(
        inserted,
        all.map(({ item }) => item + 1),
      )
      const claims = store.stats().claims - before
      assert.ok(claims <= 6, `${claims} claims for ${name}`)
      const created = numbersOf(await Model.create(all.slice(0, 300)))
      assert.equal(new Set([...inserted, ...created]).size, 3300)
    })

    it('a number that is there is kept', async () => {
      const { Model, name } = model({ item: String })
      const count = await taken(name, async () => {
        assert.equal((await Model.create({ number: 77 })).number, 77)
        assert.equal((await new Model({ number: 0 }).save()).number, 0)
        assert.deepEqual(numbersOf(await Model.insertMany([{ number: 78 }])), [78])
      })
      assert.equal(count, 0)
    })

    it('what is inserted twice is numbered twice', async () => {
      const { Model } = model({ item: String })
      const fixture = { item: 'a' }
      assert.deepEqual(numbersOf(await Model.insertMany([fixture, fixture])), [1, 2])
      assert.deepEqual(numbersOf(await Model.insertMany([fixture])), [3])
      assert.deepEqual(fixture, { item: 'a' }, 'the application’s object is as it was')
    })

    it('reading, updating and replacing take no id', async () => {
      const { Model, name } = model({ item: String, n: Number })
      const { _id } = await Model.create({ item: 'numbered' })
      await Model.collection.insertOne({ item: 'from before the plugin' })
      const options = { runValidators: true, setDefaultsOnInsert: true }
      const count = await taken(name, async () => {
        const old = (await Model.find({ item: 'from before the plugin' }))[0]
        assert.equal(old.number, undefined)
        old.n = 1
        await old.save()
        assert.equal(Model.hydrate({ _id: new mongoose.Types.ObjectId() }).number, undefined)
        assert.equal(new Model().number, undefined)
        await Model.findOne().lean()
        for await (const document of Model.find().cursor()) assert.ok(document)
        await Model.updateOne({ item: 'numbered' }, { $inc: { n: 1 } }, options)
        await Model.updateMany({}, { n: 2 }, options)
        await Model.findByIdAndUpdate(_id, { n: 3 }, options)
        await old.updateOne({ n: 5 })
        await Model.replaceOne({ _id }, { item: 'numbered', number: 1 }, options)
        await Model.findOneAndReplace({ _id }, { item: 'numbered', number: 1 }, options)
        await Model.bulkWrite([
          { updateOne: { filter: { _id }, update: { n: 4 } } },
          { replaceOne: { filter: { _id }, replacement: { _id, item: 'numbered' } } },
        ])
      })
      assert.equal(count, 0)
      assert.equal((await Model.findById(_id)).number, undefined, 'a replacement has what it was given')
    })

    it('an upsert takes no id and can be given one', async () => {
      const { Model, name } = model({ item: String, n: Number })
      const options = { upsert: true, returnDocument: 'after', runValidators: true }
      const count = await taken(name, async () => {
        for (let i = 0; i < 5; i++) await Model.findOneAndUpdate({ item: 'a' }, { $inc: { n: 1 } }, options)
        await Model.updateOne({ item: 'b' }, { n: 1 }, options)
      })
      assert.equal(count, 0)
      assert.deepEqual(numbersOf(await Model.find()), [undefined, undefined])
      const given = { $setOnInsert: { number: await store.nextId(name) } }
      const first = await Model.findOneAndUpdate({ item: 'c' }, given, options)
      assert.ok(first.number > 0)
      const again = { $setOnInsert: { number: await store.nextId(name) } }
      assert.equal((await Model.findOneAndUpdate({ item: 'c' }, again, options)).number, first.number)
    })

    it('a document that fails its validation takes no id', async () => {
      const { Model, name } = model({ item: { type: String, required: true } })
      const count = await taken(name, async () => {
        await assert.rejects(Model.create({}), { name: 'ValidationError' })
        await assert.rejects(Model.insertMany([{}]), { name: 'ValidationError' })
        await assert.rejects(new Model().validate(), { name: 'ValidationError' })
      })
      assert.equal(count, 0)
      const ofBulk = await taken(name, () => assert.rejects(Model.bulkSave([new Model()]), { name: 'ValidationError' }))
      assert.equal(ofBulk, version === '9' ? 1 : 0, 'bulkSave of Mongoose 9 validates after all hooks')
    })

    it('a document that could not be inserted keeps its number', async () => {
      const { Model } = model({ item: { type: String, unique: true } })
      await Model.init()
      await Model.create({ item: 'a' })
      const second = new Model({ item: 'a' })
      await assert.rejects(second.save(), { code: 11000 })
      assert.equal(second.number, 2)
      second.item = 'b'
      await second.save()
      assert.deepEqual(numbersOf(await Model.find().sort({ number: 1 })), [1, 2])
    })

    it('a required number is there in time', async () => {
      const { Model } = model({ item: String, number: { type: Number, required: true } })
      assert.equal((await Model.create({})).number, 1)
      assert.deepEqual(numbersOf(await Model.insertMany([{}])), [2])
      const document = await Model.findOne()
      document.number = undefined
      await assert.rejects(document.save(), { name: 'ValidationError' }, 'a number that is lost is an error')
      const replacement = { replaceOne: { filter: {}, replacement: { item: 'x' } } }
      await assert.rejects(Model.bulkWrite([replacement]), { name: 'ValidationError' })
    })

    it('a document saved without validation is numbered', async () => {
      const { Model } = model({ item: { type: String, required: true } })
      assert.equal((await new Model().save({ validateBeforeSave: false })).number, 1)
      const never = model({ item: String }, {}, { validateBeforeSave: false })
      assert.equal((await never.Model.create({})).number, 1)
    })

    it('hooks of the application see the number', async () => {
      const name = `Model${++names}`
      const schema = new mongoose.Schema({ label: String })
      schema.plugin(numbered, { store, sequence: name })
      schema.pre('save', async function () {
        this.label = `INV-${String(this.number).padStart(5, '0')}`
      })
      assert.equal((await connection.model(name, schema).create({})).label, 'INV-00001')
    })

    it('an aborted transaction leaves a gap', async () => {
      const { Model } = model({ item: String })
      await Model.createCollection()
      await assert.rejects(
        connection.transaction(async (/** @type {any} */ session) => {
          assert.equal((await Model.create([{ item: 'a' }], { session }))[0].number, 1)
          throw new Error('changed our mind')
        }),
        /changed our mind/,
      )
      await connection.transaction(async (/** @type {any} */ session) => {
        const [one] = await Model.create([{ item: 'a' }], { session })
        const [two] = await Model.insertMany([{ item: 'b' }], { session })
        const three = await new Model({ item: 'c' }).save({ session })
        assert.deepEqual(numbersOf([one, two, three]), [2, 3, 4])
      })
      assert.deepEqual(numbersOf(await Model.find().sort({ number: 1 })), [2, 3, 4])
    })

    it('subdocuments that ask for it are numbered', async () => {
      const name = `Model${++names}`
      const item = new mongoose.Schema({ what: String }).plugin(numbered, { store, sequence: name })
      const Order = connection.model(name, new mongoose.Schema({ items: [item], main: item, other: String }))
      const order = await Order.create({ items: [{ what: 'a' }, { what: 'b' }], main: { what: 'c' } })
      assert.deepEqual([...numbersOf(order.items), order.main.number].sort(), [1, 2, 3])
      order.items.push({ what: 'd' })
      await order.save()
      assert.equal((await Order.findById(order._id)).items[2].number, 4)
      const [inserted] = await Order.insertMany([{ items: [{ what: 'e' }] }])
      assert.equal(inserted.items[0].number, 5)
      const saved = new Order({ items: [{ what: 'f' }] })
      await Order.bulkSave([saved])
      assert.equal(saved.items[0].number, 6)
      const options = { runValidators: true, returnDocument: 'after' }
      const count = await taken(name, async () => {
        const update = { $push: { items: { what: 'g' } }, main: { what: 'h' } }
        const updated = await Order.findOneAndUpdate({ _id: order._id }, update, options)
        assert.deepEqual([updated.items[3].number, updated.main.number], [undefined, undefined])
        await Order.findOneAndReplace({ _id: order._id }, { items: [{ what: 'i' }] }, options)
        const again = await Order.findById(order._id)
        again.other = 'x'
        await again.save()
      })
      assert.equal(count, 0)
    })

    it('a nested path, an _id and a BigInt can be numbered', async () => {
      const deep = model({ registration: { date: Date, number: Number } }, { field: 'registration.number' })
      assert.equal((await deep.Model.create({})).registration.number, 1)
      assert.equal((await deep.Model.insertMany([{}]))[0].registration.number, 2)
      const added = model({ item: String }, { field: 'a.b.c' })
      assert.equal((await added.Model.create({ a: {} })).a.b.c, 1)
      for (const [definition, options] of [
        [{ item: String }, {}],
        [{ _id: Number, item: String }, {}],
        [{ item: String }, { _id: false }],
      ]) {
        const { Model } = model(definition, { field: '_id' }, options)
        const documents = [await Model.create({}), ...(await Model.insertMany([{}, {}]))]
        assert.deepEqual(
          documents.map(({ _id }) => _id),
          [1, 2, 3],
        )
        await Model.bulkWrite([{ replaceOne: { filter: { _id: 1 }, replacement: { item: 'x' } } }])
        assert.equal((await Model.findById(1)).item, 'x')
      }
      const bigints = openStore({ url, bigint: true, start: 5 })
      const big = model({ number: BigInt }, { store: bigints })
      assert.equal((await big.Model.create({})).number, 5n)
      await bigints.close()
    })

    it('discriminators share the sequence of their base', async () => {
      const { Model } = model({ item: String }, {}, { discriminatorKey: 'kind' })
      const Child = Model.discriminator(`${Model.modelName}Child`, new mongoose.Schema({ extra: String }))
      assert.equal((await Child.create({ extra: 'x' })).number, 1)
      assert.equal((await Model.create({})).number, 2)
      assert.equal((await Model.insertMany([{ kind: Child.modelName }]))[0].number, 3)
    })

    it('a function names the sequence of each document', async () => {
      const { Model, name } = model({ tenant: String }, { sequence: (/** @type {any} */ d) => `${name0}/${d.tenant}` })
      const name0 = name
      const both = await Model.create([{ tenant: 'a' }, { tenant: 'b' }, { tenant: 'a' }])
      assert.deepEqual(numbersOf(both), [1, 1, 2])
      assert.deepEqual(numbersOf(await Model.insertMany([{ tenant: 'b' }, { tenant: 'c' }])), [2, 1])
    })

    it('a function that names nothing is a validation error', async () => {
      const sequence = (/** @type {any} */ { tenant }) => {
        if (tenant === 'bad') throw new Error('no such tenant')
        return tenant
      }
      const { Model } = model({ tenant: String }, { sequence })
      for (const [tenant, text] of [
        ['bad', 'no such tenant'],
        [undefined, 'must be a string'],
        ['', 'non-empty'],
      ]) {
        const document = new Model({ tenant })
        for (const call of [
          () => document.save(),
          () => Model.create({ tenant }),
          () => Model.insertMany([{ tenant }]),
        ]) {
          const error = await call().then(assert.fail, (/** @type {any} */ error) => error)
          assert.equal(error.name, 'ValidationError')
          assert.match(error.errors.number.message, new RegExp(/** @type {string} */ (text)))
        }
        document.tenant = `right ${text}`
        assert.equal((await document.save()).number, 1, 'put right, it is saved')
      }
      const item = new mongoose.Schema({ tenant: String }).plugin(numbered, { store, sequence })
      const Parent = connection.model(`Model${++names}`, new mongoose.Schema({ items: [item] }))
      await assert.rejects(Parent.create({ items: [{}] }), { name: 'ValidationError' })
      assert.equal(await Model.countDocuments(), 3)
    })

    it('a handle and the store of nextId() serve as well', async () => {
      const handle = openSequence(`Model${++names}`, { url, start: 50 })
      const one = model({}, { sequence: handle, store: undefined })
      assert.equal((await one.Model.create({})).number, 50)
      await handle.close()
      await assert.rejects(one.Model.create({}), { code: 'ERR_TEXAMPLE_SEQUENCE_CLOSED' })
      process.env.TEXAMPLE_IDS_URL = 'memory:'
      const two = model({}, { store: undefined, sequence: `mongoose ${version}` })
      assert.equal((await two.Model.create({})).number, 1000)
      await closeSequences()
      assert.equal((await two.Model.create({})).number, 1001)
      await closeSequences()
      delete process.env.TEXAMPLE_IDS_URL
    })

    it('no id is the operation’s error, and the loop goes on', async () => {
      const away = openStore({ url: 'mongodb://127.0.0.1:1/', timeout: 700 })
      const { Model } = model({ item: String }, { store: away })
      let longest = 0
      let last = performance.now()
      const watch = setInterval(() => {
        longest = Math.max(longest, performance.now() - last)
        last = performance.now()
      }, 5)
      const document = new Model({ item: 'a' })
      for (const call of [
        () => document.save(),
        () => Model.create({ item: 'b' }),
        () => Model.insertMany([{ item: 'c' }]),
        () => Model.bulkSave([new Model()]),
      ]) {
        await assert.rejects(call(), { name: 'TexampleError', code: 'ERR_TEXAMPLE_SEQUENCE_UNAVAILABLE' })
      }
      clearInterval(watch)
      assert.ok(longest < 500, `the loop stood for ${longest} ms`)
      assert.equal(await Model.countDocuments(), 0)
      assert.equal(document.isNew, true)
      await away.close()
    })

    it('wrong options are typed errors', () => {
      const plugin = (/** @type {any} */ options, definition = {}) =>
        new mongoose.Schema(definition).plugin(numbered, options)
      for (const options of [undefined, null, 'orders', {}, { sequence: 5 }, { sequence: '' }, { sequence: {} }]) {
        assert.throws(() => plugin(options), INVALID, JSON.stringify(options))
      }
      assert.throws(() => plugin({ sequence: 'a', start: 5 }), { ...INVALID, message: /options\.start/ })
      assert.throws(() => plugin({ sequence: 'a', field: 5 }), INVALID)
      assert.throws(() => plugin({ sequence: 'a', field: '' }), INVALID)
      assert.throws(() => plugin({ sequence: 'a', store: {} }), INVALID)
      assert.throws(() => plugin({ sequence: { nextId() {} }, store }), INVALID)
      assert.throws(() => plugin({ sequence: 'a' }, { number: String }), { ...INVALID, message: /Number.*"String"/ })
      assert.throws(() => plugin({ sequence: 'a', field: '_id' }, { _id: String }), INVALID)
    })
  })
}
