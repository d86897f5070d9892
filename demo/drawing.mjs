/** Several processes that draw ids of one sequence while a page looks on. */

import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { openStream } from './stream.mjs'

const processes = 3
const drawer = fileURLToPath(new URL('./drawer.mjs', import.meta.url))

export class Drawing {
  /** @type {Set<(value: unknown) => void>} */
  #pages = new Set()
  /** @type {import('node:child_process').ChildProcess[]} running while a page is open */
  #drawers = []

  /** Shows a page what the processes draw; the first page starts them, the last one that goes ends them. */
  stream(request, response) {
    const send = openStream(request, response, () => {
      this.#pages.delete(send)
      if (this.#pages.size === 0) this.close()
    })
    if (send === undefined) return
    this.#pages.add(send)
    if (this.#drawers.length === 0) this.#start()
  }

  /** Each process draws many ids at once. */
  burst() {
    for (const child of this.#drawers) if (child.connected) child.send('burst')
  }

  /** Ends the processes: each gives back what it can, and goes when it is disconnected. */
  close() {
    for (const child of this.#drawers) if (child.connected) child.disconnect()
    this.#drawers = []
  }

  #start() {
    this.#drawers = Array.from({ length: processes }, (_, index) => {
      const child = fork(drawer, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
      child.on('message', (/** @type {object} */ news) => {
        for (const send of this.#pages) send({ process: index, pid: child.pid, ...news })
      })
      child.on('error', (error) => console.error(`a drawing process failed: ${error.message}`))
      return child
    })
  }
}
