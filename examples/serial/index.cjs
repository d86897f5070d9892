'use strict'

/**
 * Prints what comes from a serial port: `node examples/serial/index.cjs /dev/ttyUSB0`.
 * Build it first: `node examples/build.mjs serial`.
 */

const { Readable } = require('node:stream')
const { Reader } = require('./serial.node')

/** A serial port as a stream of bytes. It fails when the port cannot be opened, or is unplugged. */
class SerialPort extends Readable {
  #reader
  #done
  #resume = () => {}

  /** @param {string} path */
  constructor(path) {
    super()
    this.#reader = new Reader(path, (chunk) => {
      if (this.push(chunk)) return
      // Full: the thread waits until more is asked for.
      return new Promise((resolve) => {
        this.#resume = resolve
      })
    })
    this.#done = this.#reader.done()
    this.#done.catch((error) => this.destroy(error))
  }

  _read() {
    this.#resume()
  }

  /** The port can be opened again when `close` is emitted. */
  _destroy(error, callback) {
    this.#resume()
    this.#reader.stop()
    const closed = () => callback(error)
    this.#done.then(closed, closed)
  }
}

module.exports = { SerialPort }

if (require.main === module) {
  const port = new SerialPort(process.argv[2])
  port.on('error', ({ code, message }) => {
    console.error(`${code}: ${message}`)
    process.exitCode = 1
  })
  port.pipe(process.stdout)
  process.once('SIGINT', () => port.destroy())
}
