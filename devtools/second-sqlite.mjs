/**
 * Another copy of SQLite in this process, as an application has it: better-sqlite3, or node:sqlite
 * from Node.js 22 on.
 */

/**
 * @typedef {object} Database
 * @property {(sql: string) => void} exec
 * @property {(sql: string, ...values: any[]) => void} run
 * @property {(sql: string) => any} value the first column of the first row
 * @property {() => void} close
 */

const major = Number(process.versions.node.split('.')[0])

/** @returns {Promise<{ name: string, open: (path: string) => Database }>} */
export async function secondSqlite() {
  if (major >= 22) {
    const { DatabaseSync } = await import('node:sqlite')
    return {
      name: 'node:sqlite',
      open: (path) => adapt(new DatabaseSync(path, /** @type {any} */ ({ timeout: 5000 }))),
    }
  }
  const { default: Database } = await import('better-sqlite3').catch((cause) => {
    throw new Error('better-sqlite3 is needed: "npm ci" builds it, with a C++ compiler and make', { cause })
  })
  return { name: 'better-sqlite3', open: (path) => adapt(new Database(path, { timeout: 5000 })) }
}

/**
 * @param {any} database
 * @returns {Database}
 */
function adapt(database) {
  return {
    exec: (sql) => void database.exec(sql),
    run: (sql, ...values) => void database.prepare(sql).run(...values),
    value: (sql) => Object.values(database.prepare(sql).get())[0],
    close: () => database.close(),
  }
}
