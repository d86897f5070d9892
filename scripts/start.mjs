/** `npm start`: installs and builds what is missing, then opens the demo. */

import { build } from './build.mjs'
import { main } from './command.mjs'

await main(async () => {
  await build()
  await import('../demo/server.mjs')
})
