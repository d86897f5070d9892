/** What the parts of the page share. */

export const at = (id) => document.getElementById(id)
export const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })

/** What works and what does not, in one line at the foot of the page. */
export function say(text) {
  at('status').textContent = text
}

/** Has the server do something. */
export async function post(path) {
  try {
    await fetch(path, { method: 'POST' })
  } catch {
    say('The server did not answer.')
  }
}
