/** A virtual display, for browsers with a window. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** @returns {Promise<{ display: string, close: () => Promise<void> }>} */
export async function openDisplay() {
  const child = spawn('Xvfb', ['-displayfd', '1', '-screen', '0', '1280x900x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const ended = once(child, 'exit').then(() => {
    throw new Error('Xvfb ended before it had a display.')
  })
  const failed = once(child, 'error').then(([cause]) => {
    throw new Error('Xvfb does not start. On Debian: "apt-get install xvfb".', { cause })
  })
  ended.catch(() => {})
  failed.catch(() => {})
  const number = await Promise.race([once(child.stdout, 'data').then(([text]) => String(text).trim()), ended, failed])
  return {
    display: `:${number}`,
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exit = once(child, 'exit')
      child.kill()
      await exit
    },
  }
}
