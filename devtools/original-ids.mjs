/**
 * The algorithm of 2011 that this package replaces: a range of a fixed step is claimed when the
 * last id of the one before is gone, and all callers wait.
 */

export class OriginalIds {
  #claim
  #step
  #index = 0
  #high = 0
  #isFetching = false
  /** @type {{ resolve: (id: number) => void, reject: (error: unknown) => void }[]} */
  #waiters = []

  /**
   * @param {() => Promise<number>} claim raises the stored index by `step`; the index after that
   * @param {number} [step]
   */
  constructor(claim, step = 10) {
    this.#claim = claim
    this.#step = step
  }

  /**
   * A client on today's driver. It reads the document at its start and inserts it when it is
   * missing.
   * @param {import('mongodb').Collection<any>} collection
   * @param {string} name
   * @param {number} [step]
   */
  static async open(collection, name, step = 10) {
    if (!(await collection.findOne({ _id: name }))) await collection.insertOne({ _id: name, index: 1000 })
    return new OriginalIds(async () => {
      const update = { $inc: { index: step } }
      const document = await collection.findOneAndUpdate({ _id: name }, update, { returnDocument: 'after' })
      return Number(document.index)
    }, step)
  }

  /** @returns {Promise<number>} */
  nextId() {
    if (this.#high > this.#index) return Promise.resolve(this.#index++)
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject })
      if (!this.#isFetching) this.#fetch()
    })
  }

  async #fetch() {
    this.#isFetching = true
    try {
      this.#high = await this.#claim()
      this.#index = this.#high - this.#step
      while (this.#waiters.length > 0 && this.#high > this.#index) this.#waiters.shift()?.resolve(this.#index++)
    } catch (error) {
      for (const waiter of this.#waiters.splice(0)) waiter.reject(error)
    }
    this.#isFetching = false
    if (this.#waiters.length > 0) this.#fetch()
  }
}
