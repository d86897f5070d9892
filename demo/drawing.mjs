/** Several processes that draw ids of one sequence while a page looks on. */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { openStream } from './stream.mjs'

const processes = 3
const patienceMs = 2000
const drawer = fileURLToPath(new URL('./drawer.mjs', import.meta.url))

export class Drawing {
  #store
  /** @type {Set<(value: unknown) => void>} */
  #pages = new Set()
  /** @type {import('node:child_process').ChildProcess[]} running while a page is open */
  #drawers = []

  /** @param {import('./store.mjs').Store} store */
  constructor(store) {
    this.#store = store
  }

  get storeName() {
    return this.#store.description
  }

  get canKill() {
    return this.#store.killPrimary !== undefined
  }

  /**
   * Shows a page what the processes draw; the first page starts them, the last one that goes ends
   * them.
   */
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

  /** Kills the primary of a replica set, if that is where the ids live. */
  killPrimary() {
    return this.#store.killPrimary?.()
  }

  /**
   * Ends the processes: each gives back what it can and goes when it is disconnected; one that
   * hangs is killed.
   */
  async close() {
    const ending = this.#drawers
    this.#drawers = []
    await Promise.all(
      ending.map(async (child) => {
        const exit = once(child, 'exit')
        const deadline = setTimeout(() => child.kill('SIGKILL'), patienceMs)
        if (child.connected) child.disconnect()
        await exit
        clearTimeout(deadline)
      }),
    )
  }

  #start() {
    this.#drawers = Array.from({ length: processes }, (_, index) => {
      const child = fork(drawer, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
      const tell = (/** @type {object} */ news) => {
        for (const send of this.#pages) send({ process: index, ...news })
      }
      child.on('message', tell)
      child.on('error', (error) => console.error(`a drawing process failed: ${error.message}`))
      child.once('exit', (code) => {
        if (!this.#drawers.includes(child)) return
        this.#drawers = this.#drawers.filter((other) => other !== child)
        tell({ error: `ended with exit code ${code}` })
      })
      return child
    })
  }
}
