/**
 * Where the demo's ids live: the default store, or with `--mongo` a replica set that a visitor may
 * harm.
 */

/**
 * @typedef {object} Store
 * @property {string} description for the page
 * @property {(() => Promise<void>) | undefined} killPrimary ends the primary, and brings it back
 *   after a while
 * @property {() => Promise<void>} close
 */

/**
 * Opens the store and makes it the default of this process and its children.
 * @param {string[]} args the command line
 * @returns {Promise<Store>}
 */
export async function openStore(args) {
  if (args.includes('--mongo')) return openReplicaSet()
  const url = process.env.TEXAMPLE_IDS_URL
  const kind =
    url === undefined || url.startsWith('sqlite:') ? 'a SQLite file' : url.startsWith('mongodb') ? 'MongoDB' : 'memory'
  return { description: kind, killPrimary: undefined, close: async () => {} }
}

async function openReplicaSet() {
  // The tests know how to find a mongod and to keep three of them.
  const { startReplicaSet } = await import('../devtools/mongod.mjs')
  console.log('Starting a MongoDB replica set of three …')
  const set = await startReplicaSet({ count: 3 })
  process.env.TEXAMPLE_IDS_URL = set.uri
  let isKilling = false
  return {
    description: 'a MongoDB replica set of three',
    async killPrimary() {
      if (isKilling) return
      isKilling = true
      try {
        const primary = await set.primary()
        await primary.kill()
        await set.primary()
        await primary.restart()
      } finally {
        isKilling = false
      }
    },
    close: () => set.stop(),
  }
}
