/**
 * uPlot formats numbers in the browser's language, and fails where that is no language tag: on a
 * system with the locale C, Chromium's is `en-US@posix`.
 */
try {
  Intl.getCanonicalLocales(navigator.language)
} catch {
  Object.defineProperty(navigator, 'language', { value: 'en' })
}
