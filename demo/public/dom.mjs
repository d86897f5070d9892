/** What the parts of the page share. */

export const at = (id) => document.getElementById(id)
export const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })

/** What works and what does not, in one line at the foot of the page. */
export function say(text) {
  at('status').textContent = text
}

/** Posts to the server; true if it answered. A failure shows in the status line. */
export async function post(path) {
  try {
    await fetch(path, { method: 'POST' })
    return true
  } catch {
    say('The server did not answer.')
    return false
  }
}
