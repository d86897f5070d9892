/** Free ports on 127.0.0.1. */

import { once } from 'node:events'
import { createServer } from 'node:net'

/** A port that no server listens on. */
export async function freePort() {
  const server = await listen(0)
  const { port } = server.address()
  await once(server.close(), 'close')
  return port
}

/** The first of two neighbouring free ports. */
export async function freePair() {
  for (let tries = 0; tries < 50; tries += 1) {
    const first = await listen(0)
    const port = first.address().port
    const second = port < 65_535 ? await listen(port + 1).catch(() => undefined) : undefined
    await Promise.all([first, second].map((server) => server && once(server.close(), 'close')))
    if (second) return port
  }
  throw new Error('no two neighbouring ports are free')
}

async function listen(port) {
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}
