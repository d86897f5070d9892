/** WebKitGTK under a virtual display, driven by plain W3C WebDriver. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './ports.mjs'

const BROWSERS = ['4.1', '6.0', '4.0'].map((version) => `/usr/lib/x86_64-linux-gnu/webkit2gtk-${version}/MiniBrowser`)

/** @returns {Promise<import('./browser-driver.mjs').Driver>} */
export async function launchWebkit() {
  const binary = BROWSERS.find((file) => existsSync(file))
  if (!binary || !existsSync('/usr/bin/WebKitWebDriver') || !existsSync('/usr/bin/xvfb-run')) {
    throw new Error('There is no WebKitGTK to drive. On Debian: "apt-get install webkit2gtk-driver xvfb xauth".')
  }
  const port = await freePort()
  const child = spawn('xvfb-run', ['-a', 'WebKitWebDriver', `--port=${port}`, '--host=127.0.0.1'], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1' },
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    said += text
  })
  const exited = once(child, 'exit')
  // Its own group: the display and the browser end with it.
  const end = async () => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-Number(child.pid), 'SIGTERM')
    await exited
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   */
  async function command(method, path, body) {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      body: body === undefined ? undefined : JSON.stringify(body),
    })
    const { value } = await response.json()
    if (!response.ok) throw new Error(`WebDriver ${path}: ${value?.error}: ${value?.message}`)
    return value
  }

  try {
    await untilReady(
      () => command('GET', '/status'),
      child,
      () => said,
    )
    const { sessionId } = await command('POST', '/session', {
      capabilities: { alwaysMatch: { 'webkitgtk:browserOptions': { binary, args: ['--automation'] } } },
    })
    const session = `/session/${sessionId}`
    await command('POST', `${session}/timeouts`, { script: 60_000, pageLoad: 60_000 })
    return {
      async open(url) {
        await command('POST', `${session}/url`, { url })
        return {
          async evaluate(work, argument) {
            // As text, so that what is undefined stays absent.
            const script = `const [argument, done] = arguments
              Promise.resolve().then(() => (${work})(argument === null ? undefined : argument)).then(
                (value) => done(JSON.stringify({ value })),
                (error) => done(JSON.stringify({ error: String(error) })))`
            const args = [argument ?? null]
            const { value, error } = JSON.parse(await command('POST', `${session}/execute/async`, { script, args }))
            if (error) throw new Error(error)
            return value
          },
          close: async () => {},
        }
      },
      async close() {
        await command('DELETE', session)
        await end()
      },
    }
  } catch (error) {
    await end()
    throw error
  }
}

/**
 * @param {() => Promise<unknown>} ask
 * @param {import('node:child_process').ChildProcess} child
 * @param {() => string} said
 */
async function untilReady(ask, child, said) {
  const deadline = Date.now() + 60_000
  for (;;) {
    if (child.exitCode !== null) throw new Error(`WebKitWebDriver ended: ${said()}`)
    try {
      return await ask()
    } catch (cause) {
      if (Date.now() > deadline) throw new Error(`WebKitWebDriver does not answer: ${said()}`, { cause })
      await sleep(100)
    }
  }
}
