/** The classic scripts: the client as `window.texample`, for pages without modules. */
declare global {
  var texample: typeof import('./index.mjs', { with: { 'resolution-mode': 'import' }})
}

export {}
