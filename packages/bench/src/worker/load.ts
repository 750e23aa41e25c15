import { readFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { standInForWorker } from './standIn.ts'

// Loads an app's entry point as the Functions worker does, and says how many milliseconds that took.
standInForWorker()
const folder = process.argv[2] ?? ''
const { main } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as { main: string }
const url = pathToFileURL(path.join(folder, main)).href

const begun = performance.now()
await import(url)
const ended = performance.now()

console.log(JSON.stringify({ loadMs: ended - begun }))
process.exit(0)
