/**
 * The demo that `npm start` opens: a page on one origin, its data on another.
 *
 * PORT is the page's port (default 3000); the data's origin is the next one up.
 */

import { once } from 'node:events'
import { dataApp } from './data.mjs'
import { Drawing } from './drawing.mjs'
import { pageApp } from './page.mjs'
import { openStore } from './store.mjs'

const host = '127.0.0.1'
const patienceMs = 5000
const port = pagePort()
const pageOrigins = [`http://${host}:${port}`, `http://localhost:${port}`]

const store = await openStore(process.argv.slice(2))
const drawing = new Drawing(store)
const servers = [
  await listen(pageApp({ dataPort: port + 1, drawing }), port),
  await listen(dataApp({ pageOrigins }), port + 1),
]
console.log(`\n  http://${host}:${port}/\n\n  Ctrl-C ends it.`)

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, close)

/** Ends everything at once, with what is on its way. */
async function close() {
  setTimeout(() => process.exit(1), patienceMs).unref()
  for (const server of servers) {
    server.close()
    // Live streams would hold their connections open for ever.
    server.closeAllConnections()
  }
  await drawing.close()
  await store.close()
  // At once: a library may hold a handle open, and Ctrl-C does not wait for it.
  process.exit()
}

function pagePort() {
  const value = process.env.PORT || '3000'
  const number = Number(value)
  if (Number.isInteger(number) && number >= 1 && number <= 65_534) return number
  console.error(`PORT must be an integer from 1 to 65534; it is "${value}"`)
  process.exit(1)
}

async function listen(app, at) {
  const server = app.listen(at, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    if (error.code !== 'EADDRINUSE') throw error
    console.error(`Port ${at} is taken. Choose another with PORT, such as: PORT=${port + 100} npm start`)
    await store.close()
    process.exit(1)
  }
  return server
}
