/** The types of `import … from 'texample/mongoose'`. */

export { type NumberedOptions, type NumberedSchema, numbered } from './index.js'
