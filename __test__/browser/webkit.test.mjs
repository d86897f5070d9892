import { launchWebkit } from '../../devtools/browser-webkit.mjs'
import { testClient } from './client.mjs'

testClient(launchWebkit, 'webkit', { endsDownloads: false })
