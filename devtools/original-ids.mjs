/**
 * A client of the original algorithm on today's driver: it reads the document at its start, inserts
 * it when it is missing, and raises the index by a fixed step whenever its range is used up.
 */

export class OriginalIds {
  #collection
  #name
  #step
  #index = 0
  #high = 0
  #fetching = false
  /** @type {{ resolve: (id: number) => void, reject: (error: unknown) => void }[]} */
  #waiters = []

  /**
   * @param {import('mongodb').Collection<any>} collection
   * @param {string} name
   * @param {number} [step]
   */
  constructor(collection, name, step = 10) {
    this.#collection = collection
    this.#name = name
    this.#step = step
  }

  async open() {
    const find = () => this.#collection.findOne({ _id: this.#name })
    let document = await find()
    if (!document) {
      await this.#collection.insertOne({ _id: this.#name, index: 1000 })
      document = await find()
    }
    this.#high = this.#index = Number(document.index)
    return this
  }

  /** @returns {Promise<number>} */
  nextId() {
    if (this.#high > this.#index) return Promise.resolve(this.#index++)
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject })
      if (!this.#fetching) this.#fetch()
    })
  }

  async #fetch() {
    this.#fetching = true
    try {
      const document = await this.#collection.findOneAndUpdate(
        { _id: this.#name },
        { $inc: { index: this.#step } },
        { returnDocument: 'after' },
      )
      this.#high = Number(document.index)
      this.#index = this.#high - this.#step
      this.#fetching = false
      while (this.#waiters.length > 0 && this.#high > this.#index) this.#waiters.shift()?.resolve(this.#index++)
      if (this.#waiters.length > 0) this.#fetch()
    } catch (error) {
      this.#fetching = false
      for (const waiter of this.#waiters.splice(0)) waiter.reject(error)
    }
  }
}
