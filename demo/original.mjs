/**
 * The algorithm of 2011 that this package replaces, to compare: a range is asked for when the last
 * id of the one before is gone, and everybody waits.
 */

/**
 * @param {() => Promise<ArrayLike<number>>} claim asks the store for the next range
 * @returns {() => Promise<number>} the next id
 */
export function originalIds(claim) {
  /** @type {ArrayLike<number>} */
  let range = []
  let index = 0
  let isFetching = false
  /** @type {{ resolve: (id: number) => void, reject: (error: unknown) => void }[]} */
  let waiters = []

  async function fetchRange() {
    isFetching = true
    try {
      range = await claim()
      index = 0
      while (waiters.length > 0 && index < range.length) waiters.shift().resolve(range[index++])
    } catch (error) {
      for (const { reject } of waiters) reject(error)
      waiters = []
    }
    isFetching = false
    if (waiters.length > 0) void fetchRange()
  }

  return () => {
    if (index < range.length && waiters.length === 0) return Promise.resolve(range[index++])
    return new Promise((resolve, reject) => {
      waiters.push({ resolve, reject })
      if (!isFetching) void fetchRange()
    })
  }
}
