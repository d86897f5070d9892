/** A server-sent stream: JSON values, one way, until the page goes. */

const most = 64
let open = 0

/**
 * Opens the stream, or refuses when too many are open.
 * @param {import('express').Request} request
 * @param {import('express').Response} response
 * @param {() => void} onClose
 * @returns {((value: unknown) => void) | undefined} sends a value; a page too slow to take it
 *   misses it
 */
export function openStream(request, response, onClose) {
  if (open >= most) {
    response.status(503).send('too many pages are open')
    return undefined
  }
  open += 1
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
  response.flushHeaders()
  request.once('close', () => {
    open -= 1
    onClose()
  })
  return (value) => {
    if (!response.writableNeedDrain && !response.closed) response.write(`data: ${JSON.stringify(value)}\n\n`)
  }
}
