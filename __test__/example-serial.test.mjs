/** examples/serial: a blocking reader as a stream, over a pseudo-terminal. */

import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import path from 'node:path'
import { afterEach, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { threads } from './support/threads.mjs'

const run = promisify(execFile)
const example = fileURLToPath(new URL('../examples/serial', import.meta.url))

/** Node has no pseudo-terminals: Python makes one, names its end, and passes on what it is told. */
const python = `
import os, pty, sys, tty
master, slave = pty.openpty()
tty.setraw(slave)
print(os.ttyname(slave), flush=True)
while True:
    data = os.read(0, 65536)
    if not data: break
    while data: data = data[os.write(master, data):]
`

await run(process.execPath, [path.join(example, '..', 'build.mjs'), 'serial'])
const { SerialPort } = createRequire(import.meta.url)(path.join(example, 'index.cjs'))

const devices = new Set()
afterEach(() => {
  for (const { unplug } of devices) unplug()
  devices.clear()
})

async function plugIn() {
  const child = spawn('python3', ['-c', python], { stdio: ['pipe', 'pipe', 'inherit'] })
  const [line] = await once(child.stdout.setEncoding('utf8'), 'data')
  child.stdin.on('error', () => {})
  const device = {
    path: line.trim(),
    send: (bytes) => child.stdin.write(bytes),
    unplug: () => child.kill('SIGKILL'),
  }
  devices.add(device)
  return device
}

it('what the device sends is what the stream has', async () => {
  const device = await plugIn()
  const port = new SerialPort(device.path)
  const sent = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 7) % 256))
  device.send(sent)
  const chunks = []
  let length = 0
  for await (const chunk of port) {
    chunks.push(chunk)
    length += chunk.length
    if (length >= sent.length) break
  }
  assert.ok(Buffer.concat(chunks).equals(sent))
  assert.equal(port.destroyed, true)
})

it('a stream that is not read holds the device back', async () => {
  const device = await plugIn()
  const port = new SerialPort(device.path)
  device.send(Buffer.alloc(8_000_000, 'x'))
  await once(port, 'readable')
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.ok(port.readableLength <= port.readableHighWaterMark + 4096, `${port.readableLength} bytes`)
  port.destroy()
  await once(port, 'close')
})

it('a destroyed port can be opened again', async () => {
  const device = await plugIn()
  for (let i = 0; i < 3; i++) {
    const port = new SerialPort(device.path)
    device.send('a')
    await once(port, 'readable')
    assert.equal(threads('serial'), 1)
    port.destroy()
    await once(port, 'close')
    assert.equal(threads('serial'), 0)
  }
})

it('a port that is open already says so', async () => {
  const device = await plugIn()
  const port = new SerialPort(device.path)
  device.send('a')
  await once(port, 'readable')
  const [error] = await once(new SerialPort(device.path), 'error')
  assert.equal(error.code, 'ERR_SERIAL_LOCKED')
  port.destroy()
  await once(port, 'close')
})

it('a device that does not exist is an error event', async () => {
  const [error] = await once(new SerialPort('/dev/not-there'), 'error')
  assert.equal(error.code, 'ENOENT')
})

it('an unplugged device is an error after its last byte', async () => {
  const device = await plugIn()
  const port = new SerialPort(device.path)
  device.send('the last words')
  let text = ''
  const failed = once(port, 'error')
  port.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
    if (text === 'the last words') device.unplug()
  })
  const [error] = await failed
  assert.equal(error.code, 'ERR_SERIAL_UNPLUGGED')
  assert.equal(text, 'the last words')
})

it('as a program it prints what comes, and Ctrl-C ends it', async () => {
  const device = await plugIn()
  const child = spawn(process.execPath, [path.join(example, 'index.cjs'), device.path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const closed = once(child, 'close')
  device.send('hello')
  const [text] = await once(child.stdout.setEncoding('utf8'), 'data')
  assert.equal(text, 'hello')
  child.kill('SIGINT')
  assert.deepEqual(await closed, [0, null])
})

it('as a program it says that the device was unplugged', async () => {
  const device = await plugIn()
  const child = spawn(process.execPath, [path.join(example, 'index.cjs'), device.path], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const closed = once(child, 'close')
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (chunk) => (said += chunk))
  device.send('hello')
  await once(child.stdout, 'data')
  device.unplug()
  assert.deepEqual(await closed, [1, null])
  assert.match(said, /^ERR_SERIAL_UNPLUGGED: \/dev\/pts\/\d+ was unplugged\n$/)
})
