'use strict'

/** One past the last id that a number holds exactly. */
const NUMBER_END = 2n ** 53n

/** The ids that a handle has in hand, in rising ranges. */
class Ranges {
  #bigint
  /** Ids in all. */
  count = 0
  /** Starts and ends in turn. @type {any[]} */
  bounds = []

  /** @param {boolean} bigint whether ids are BigInts, or numbers */
  constructor(bigint) {
    this.#bigint = bigint
  }

  /**
   * Adds a range behind the others, as far as numbers reach.
   * @param {bigint} start
   * @param {bigint} end
   * @returns {number} ids that no number holds
   */
  add(start, end) {
    const count = Number(end - start)
    if (this.#bigint) {
      this.#append(start, end)
      this.count += count
      return 0
    }
    const usable = end < NUMBER_END ? end : NUMBER_END
    const kept = start < usable ? Number(usable - start) : 0
    if (kept > 0) this.#append(Number(start), Number(usable))
    this.count += kept
    return count - kept
  }

  /**
   * Puts a range that was taken before the others.
   * @param {any} start
   * @param {any} end
   */
  putBack(start, end) {
    this.bounds.unshift(start, end)
    this.count += Number(end - start)
  }

  /** Takes the first range: its start and its end. There must be one. */
  takeRange() {
    const [start, end] = this.bounds
    this.#dropFirst()
    this.count -= Number(end - start)
    return [start, end]
  }

  /** Takes the first id. There must be one. */
  takeOne() {
    const id = this.bounds[0]++
    this.count--
    if (this.bounds[0] === this.bounds[1]) this.#dropFirst()
    return id
  }

  /**
   * Takes the first ids, of which there must be so many.
   * @param {number} count
   */
  takeMany(count) {
    const ids = this.#bigint ? new BigInt64Array(count) : new Float64Array(count)
    this.count -= count
    for (let filled = 0; filled < count; ) {
      const [start, end] = this.bounds
      const run = Math.min(Number(end - start), count - filled)
      fill(ids, filled, start, run)
      filled += run
      if (run === Number(end - start)) this.#dropFirst()
      else this.bounds[0] = start + (this.#bigint ? BigInt(run) : run)
    }
    return ids
  }

  /** Drops all ids, and says how many. */
  clear() {
    const { count } = this
    this.count = 0
    this.bounds = []
    return count
  }

  /**
   * @param {any} start
   * @param {any} end
   */
  #append(start, end) {
    // An array of one range takes less memory than one that grew.
    if (this.bounds.length === 0) this.bounds = [start, end]
    else this.bounds.push(start, end)
  }

  #dropFirst() {
    if (this.bounds.length === 2) this.bounds = []
    else this.bounds.splice(0, 2)
  }
}

/**
 * @param {any} ids
 * @param {number} from
 * @param {any} start
 * @param {number} count
 */
function fill(ids, from, start, count) {
  let id = start
  for (let i = from; i < from + count; i++) ids[i] = id++
}

module.exports = { Ranges }
