/** What `import … from 'texample/mongoose'` gives. */

import commonjs from './index.cjs'

export const { numbered } = commonjs
