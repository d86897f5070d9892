/** Standalone servers and replica sets for tests, on 127.0.0.1, with handles on their processes. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { MongoClient, MongoNetworkError } from 'mongodb'
import { findMongod } from './mongod-binary.mjs'

// Several members run beside the tests on small machines; the default cache is half of the memory
// each.
const FRUGAL = ['--wiredTigerCacheSizeGB', '0.25', '--setParameter', 'diagnosticDataCollectionEnabled=false']

const TEST_COMMANDS = ['--setParameter', 'enableTestCommands=1']

// A secondary leaves a silent source after a second or two. By default it takes five seconds, and
// sixty for the first query; the tests would only wait for that.
const BRISK = ['oplogNetworkTimeoutBufferSeconds=1', 'oplogInitialFindMaxSeconds=2'].flatMap((it) => [
  '--setParameter',
  it,
])

/** Loaded late, so that its settings in the environment are ours. */
async function memoryServer() {
  process.env.MONGOMS_SYSTEM_BINARY_VERSION_CHECK ??= 'false'
  const [{ MongoMemoryServer, MongoMemoryReplSet }, systemBinary] = await Promise.all([
    import('mongodb-memory-server-core'),
    findMongod(),
  ])
  return { MongoMemoryServer, MongoMemoryReplSet, binary: { systemBinary }, systemBinary }
}

/**
 * One mongod without a replica set. TEXAMPLE_TEST_MONGODB may name one that runs already, as for
 * systems for which there is no mongod here: it is emptied, used, and left running, where a test
 * needs no settings of its own but `testCommands`, which that one must have.
 * @param {{ args?: string[], auth?: boolean, testCommands?: boolean }} [options] `args`: more
 *   arguments for mongod; `auth`: demand credentials, of `root` with password `root`;
 *   `testCommands`: allow failpoints
 */
export async function startStandalone({ args = [], auth = false, testCommands = false } = {}) {
  const given = process.env.TEXAMPLE_TEST_MONGODB
  if (given && args.length === 0 && !auth) return emptied(given)
  const { MongoMemoryServer, binary } = await memoryServer()
  const server = await MongoMemoryServer.create({
    binary,
    ...(auth && { auth: { enable: true, customRootName: 'root', customRootPwd: 'root' } }),
    instance: {
      args: [...FRUGAL, ...(testCommands ? TEST_COMMANDS : []), ...args],
      launchTimeout: 60_000,
      storageEngine: 'wiredTiger',
    },
  })
  const { port } = /** @type {{ port: number }} */ (server.instanceInfo)
  return {
    uri: `mongodb://${auth ? 'root:root@' : ''}127.0.0.1:${port}/`,
    port,
    /** Ends the server at once and removes its files. Safe to call twice. */
    async stop() {
      await kill(server.instanceInfo?.instance.mongodProcess)
      await server.stop({ doCleanup: true, force: true })
    },
  }
}

/**
 * A server that runs already, without what another test left there.
 * @param {string} uri
 */
async function emptied(uri) {
  const { hostname, port } = new URL(uri)
  if (hostname !== '127.0.0.1') throw new Error(`TEXAMPLE_TEST_MONGODB is emptied, so it must be at 127.0.0.1: ${uri}`)
  const client = new MongoClient(uri)
  try {
    const { databases } = await client.db('admin').admin().listDatabases({ nameOnly: true })
    for (const { name } of databases) {
      if (!['admin', 'config', 'local'].includes(name)) await client.db(name).dropDatabase()
    }
  } finally {
    await client.close()
  }
  return { uri, port: Number(port), async stop() {} }
}

/**
 * A replica set with failpoints enabled.
 * @param {object} [options]
 * @param {number} [options.count] members
 * @param {string[]} [options.args] more arguments for each mongod
 * @param {number} [options.electionTimeoutMillis] how long a primary is missed before an election
 */
export async function startReplicaSet({ count = 3, args = [], electionTimeoutMillis = 2000 } = {}) {
  const { MongoMemoryReplSet, binary, systemBinary } = await memoryServer()
  const set = await MongoMemoryReplSet.create({
    binary,
    instanceOpts: Array.from({ length: count }, () => ({ launchTimeout: 60_000 })),
    replSet: {
      name: 'texample',
      count,
      storageEngine: 'wiredTiger',
      args: [...FRUGAL, ...TEST_COMMANDS, ...BRISK, ...args],
      // A frozen member is down after two seconds, not ten, and no secondary copies from another.
      configSettings: {
        electionTimeoutMillis,
        heartbeatIntervalMillis: 500,
        heartbeatTimeoutSecs: 2,
        chainingAllowed: false,
      },
    },
  })
  const members = set.servers.map((server) => {
    const instance = /** @type {NonNullable<typeof server.instanceInfo>} */ (server.instanceInfo).instance
    return new Member(systemBinary, Number(instance.instanceOpts.port), instance)
  })
  const uri = `mongodb://${members.map((member) => member.host).join()}/?replicaSet=texample`
  return {
    uri,
    members,
    /** The member that is primary now; waits for an election to end. */
    async primary() {
      for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(50)) {
        const answers = await Promise.all(members.map((member) => member.hello()))
        const writable = answers.flatMap((answer, i) =>
          answer?.isWritablePrimary ? [{ member: members[i], answer }] : [],
        )
        // After a failover the old primary may still report itself: the latest election counts.
        const term = (/** @type {{ answer: any }} */ { answer }) => answer.electionId.toString()
        writable.sort((a, b) => (term(a) < term(b) ? 1 : -1))
        if (writable[0]) return writable[0].member
      }
      throw new Error('no primary within 60 s')
    },
    /** What each member knows of all, for a message; none where it does not answer. */
    async status() {
      const answers = await Promise.all(
        members.map((member) => member.command({ replSetGetStatus: 1 }, { timeout: 1000 }).catch(() => undefined)),
      )
      return answers.map((answer, i) => ({
        of: members[i].host,
        members: answer?.members.map(
          (/** @type {any} */ { name, stateStr, health, optime, syncSourceHost }) =>
            `${name} ${stateStr} health ${health} at ${JSON.stringify(optime?.ts)} from ${syncSourceHost}`,
        ),
      }))
    },
    /** Waits until every member is primary or secondary, and has what the primary wrote. */
    async healthy() {
      for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(50)) {
        const answers = await Promise.all(members.map((member) => member.hello()))
        const primaries = members.filter((_, i) => answers[i]?.isWritablePrimary)
        if (primaries.length !== 1) continue
        if (!answers.every((answer) => answer?.isWritablePrimary || answer?.secondary)) continue
        // A member that was frozen may query one that is no primary any more, for half a minute.
        const note = { appendOplogNote: 1, data: { is: 'there' }, writeConcern: { w: count, wtimeout: 10_000 } }
        const answer = await primaries[0].command(note, { timeout: 20_000 }).catch(() => undefined)
        if (answer && !answer.writeConcernError) return
      }
      throw new Error('the replica set did not become healthy within 60 s')
    },
    /** Ends all members at once and removes their files. Safe to call twice. */
    async stop() {
      await Promise.all(members.map((member) => member.kill()))
      await set.stop({ doCleanup: true, force: true })
    },
  }
}

/** A member of a replica set: what a test does to it. */
class Member {
  #binary
  #args
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #process

  /**
   * @param {string} binary
   * @param {number} port
   * @param {any} instance the MongoInstance that started it
   */
  constructor(binary, port, instance) {
    this.#binary = binary
    this.#args = instance.prepareCommandArgs()
    this.#process = instance.mongodProcess
    this.port = port
    this.host = `127.0.0.1:${port}`
    this.uri = `mongodb://${this.host}/?directConnection=true`
  }

  /** The answer to `hello`, or undefined when the member does not answer. */
  async hello() {
    return this.command({ hello: 1 }, { timeout: 1000 }).catch(() => undefined)
  }

  /**
   * Runs an admin command on this very member.
   * @param {import('mongodb').Document} command
   * @param {{ timeout?: number }} [options]
   */
  async command(command, { timeout = 10_000 } = {}) {
    const client = new MongoClient(this.uri, {
      serverSelectionTimeoutMS: timeout,
      connectTimeoutMS: timeout,
      socketTimeoutMS: timeout,
    })
    try {
      return await client.db('admin').command(command)
    } finally {
      await client.close()
    }
  }

  /**
   * Switches a failpoint.
   * @param {string} failpoint its name, as `stopReplProducer`
   * @param {import('mongodb').Document | 'off' | 'alwaysOn'} mode
   * @param {import('mongodb').Document} [data]
   */
  async failpoint(failpoint, mode, data) {
    const command = { configureFailPoint: failpoint, mode, ...(data && { data }) }
    // A member closes its connections when its state changes; a second switch changes nothing.
    for (const deadline = Date.now() + 30_000; ; await sleep(50)) {
      try {
        await this.command(command, { timeout: 30_000 })
        return
      } catch (error) {
        if (!(error instanceof MongoNetworkError) || Date.now() > deadline) throw error
      }
    }
  }

  /** Kills the process with SIGKILL and waits for its end. */
  async kill() {
    const child = this.#process
    this.#process = undefined
    await kill(child)
  }

  /** Freezes the process: it keeps its connections and answers nothing. */
  freeze() {
    this.#process?.kill('SIGSTOP')
  }

  /** Goes on after `freeze`. */
  thaw() {
    this.#process?.kill('SIGCONT')
  }

  /** Starts the process again after `kill`; one that was not killed goes on. */
  async restart() {
    if (this.#process) return
    const child = spawn(this.#binary, this.#args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#process = child
    // It would outlive the test process.
    const end = () => child.kill('SIGKILL')
    process.once('exit', end)
    child.once('exit', () => process.off('exit', end))
    child.stdout.resume()
    child.stderr.resume()
    for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(50)) {
      if (child.exitCode !== null) throw new Error(`mongod ended with ${child.exitCode} on its restart`)
      if (await this.hello()) return
    }
    throw new Error('mongod did not answer within 60 s of its restart')
  }
}

/** @param {import('node:child_process').ChildProcess | undefined} child */
async function kill(child) {
  if (!child || child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}
