/** A TCP proxy on 127.0.0.1 that does to a connection what networks do. */

import { once } from 'node:events'
import { connect, createServer } from 'node:net'

/**
 * @param {number} target the port to pass on to
 * @param {{ roundTrip?: number }} [options] `roundTrip`: milliseconds, half of them each way
 */
export async function startProxy(target, { roundTrip = 0 } = {}) {
  /** @type {'pass' | 'hang' | 'reset' | 'refuse'} */
  let mode = 'pass'
  /** @type {((request: Buffer) => boolean) | undefined} */
  let loses
  let lost = 0
  const write = (/** @type {import('node:net').Socket} */ to, /** @type {Buffer} */ data) => {
    if (roundTrip === 0) to.write(data)
    else setTimeout(() => to.writable && to.write(data), roundTrip / 2)
  }
  /** @type {Set<import('node:net').Socket>} */
  const sockets = new Set()
  const server = createServer((client) => {
    if (mode === 'refuse') return void client.resetAndDestroy()
    const upstream = connect(target, '127.0.0.1')
    let swallow = false
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      socket.on('error', () => {})
    }
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.destroy())
    client.on('data', (data) => {
      if (mode === 'hang') return
      if (loses?.(data)) {
        lost++
        swallow = true
      }
      write(upstream, data)
    })
    upstream.on('data', (data) => {
      if (mode === 'hang') return
      // The server has applied the request; its answer is lost.
      if (swallow) return void client.resetAndDestroy()
      write(client, data)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: /** @type {import('node:net').AddressInfo} */ (server.address()).port,
    /**
     * What happens from now on; `reset` and `refuse` also end the connections that are there.
     * @param {'pass' | 'hang' | 'reset' | 'refuse'} next
     */
    set(next) {
      mode = next === 'reset' ? 'pass' : next
      if (next === 'reset' || next === 'refuse') for (const socket of sockets) socket.resetAndDestroy()
    },
    /**
     * The answers to these requests are lost, with their connections.
     * @param {((request: Buffer) => boolean) | undefined} predicate
     */
    lose(predicate) {
      loses = predicate
    },
    /** How many answers were lost. */
    get lost() {
      return lost
    },
    async stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
