import assert from 'node:assert/strict'
import { once } from 'node:events'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'

import { decodeImageToData, decodeImageToDataAsync, encodeDataToImage, encodeDataToImageAsync } from '../js/index.mjs'

const RECORDS = Array.from({ length: 20_000 }, (_, id) => ({ id, name: `Mäkelä ${id % 97}`, balance: id / 7 }))

it('JavaScript runs on while images are encoded and decoded', async () => {
  let turns = 0
  const timer = setInterval(() => {
    turns++
  }, 1)
  const png = await encodeDataToImageAsync(RECORDS, { compression: 'best' })
  for (let call = 0; call < 5; call++) await encodeDataToImageAsync(RECORDS, { compression: 'best', robust: true })
  clearInterval(timer)
  assert.ok(turns > 0)
  assert.deepEqual(await decodeImageToDataAsync(png), RECORDS)
})

it('hundreds of tasks at once have their own results', async () => {
  const images = await Promise.all(
    Array.from({ length: 500 }, (_, i) =>
      encodeDataToImageAsync({ i, text: 'ö'.repeat(i * 10) }, { robust: i % 2 === 0 }),
    ),
  )
  const values = await Promise.all(images.map((png) => decodeImageToDataAsync(png)))
  for (const [i, value] of values.entries()) assert.deepEqual(value, { i, text: 'ö'.repeat(i * 10) })
})

it('a failed task fails its caller alone', async () => {
  const png = encodeDataToImage([1])
  const broken = png.subarray(0, 30)
  const results = await Promise.allSettled(
    Array.from({ length: 200 }, (_, i) => decodeImageToDataAsync(i % 3 ? png : broken)),
  )
  results.forEach((result, i) => {
    if (i % 3) assert.deepEqual(result, { status: 'fulfilled', value: [1] })
    else assert.equal(result.reason.code, 'ERR_TEXAMPLE_IMAGE_CORRUPT')
  })
})

it('an error is the same in both forms, its cause too', async () => {
  const png = encodeDataToImage('x'.repeat(5000))
  for (const broken of [png.subarray(0, 60), Buffer.from('no PNG'), Buffer.concat([png.subarray(0, -20), png])]) {
    const outcome = await decodeImageToDataAsync(broken).catch((error) => error)
    assert.throws(
      () => decodeImageToData(broken),
      ({ name, code, message, cause }) => {
        assert.deepEqual([name, code, message], [outcome.name, outcome.code, outcome.message])
        assert.equal(cause?.message, outcome.cause?.message)
        return true
      },
    )
  }
  await assert.rejects(decodeImageToDataAsync(png.subarray(0, 60)), ({ cause }) => cause instanceof Error)
})

it('a worker may be terminated while it encodes', async () => {
  const code = `
    const { parentPort, workerData } = require('node:worker_threads')
    const texample = require(workerData.addon)
    const data = Array.from({ length: 20_000 }, (_, id) => ({ id, name: 'Mäkelä ' + id }))
    texample.decodeImageToData(texample.encodeDataToImage(data))
    for (let task = 0; task < 20; task++) texample.encodeDataToImageAsync(data, { compression: 'best' })
    parentPort.postMessage('up')`
  const addon = fileURLToPath(new URL('../js/index.cjs', import.meta.url))
  for (let round = 0; round < 8; round++) {
    const worker = new Worker(code, { eval: true, workerData: { addon } })
    await once(worker, 'message')
    await worker.terminate()
  }
  assert.deepEqual(await decodeImageToDataAsync(await encodeDataToImageAsync([1])), [1])
})
