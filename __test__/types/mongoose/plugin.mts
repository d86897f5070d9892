/**
 * The Mongoose plugin as a TypeScript application sees it; checked with each version of Mongoose.
 */

import mongoose from 'mongoose'
import { openSequence, openStore } from 'texample'
import { type NumberedOptions, numbered } from 'texample/mongoose'

const every: NumberedOptions = { field: 'number', sequence: 'orders', store: openStore({ url: 'memory:' }) }

const schema = new mongoose.Schema({ item: String, tenant: String, number: { type: Number, required: true } })
schema.plugin(numbered, every)
const Order = mongoose.model('Order', schema)
const order = await Order.create({ item: 'owl' } as any)
const number: number = order.number
const item: string | null | undefined = order.item
const found: number | undefined = (await Order.findOne())?.number

schema.plugin(numbered, { sequence: (order) => `orders/${order.tenant}` })
schema.plugin(numbered, { sequence: openSequence('orders', { bigint: true }), field: 'deep.number' })
numbered(schema, { sequence: openSequence('orders'), deduplicate: true })
mongoose.plugin(numbered, { sequence: 'all' })

// @ts-expect-error: a sequence is a must
numbered(schema, { field: 'number' })
// @ts-expect-error: not an option
numbered(schema, { sequence: 'orders', start: 5 })
// @ts-expect-error: not a name
schema.plugin(numbered, { sequence: 5 })
// @ts-expect-error: the function gives a name
numbered(schema, { sequence: () => 5 })
// @ts-expect-error: not a store
numbered(schema, { sequence: 'orders', store: {} })
// @ts-expect-error: not a schema
numbered({}, { sequence: 'orders' })

void [number, item, found]
