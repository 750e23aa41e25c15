import * as esbuild from 'esbuild'
import { bundleOptions, removeStaleOutput } from './build.ts'
import { goOnUnread } from './npmProcess.ts'

// Builds the app, tells scripts/start.ts whether that went well, and builds again on every change of a source file. It is a
// process of its own because esbuild's may stay behind when the process that started it is killed: while it watches and a
// reply is due, it waits for that reply for ever. This process outlives scripts/start.ts just long enough to end it.

let builds = 0
const report: esbuild.Plugin = {
  name: 'report',
  setup(build) {
    let begun = 0
    build.onStart(() => {
      begun = performance.now()
    })
    build.onEnd(async ({ errors, warnings, metafile }) => {
      const text = [
        ...(await esbuild.formatMessages(errors, { kind: 'error', color: process.stderr.isTTY })),
        ...(await esbuild.formatMessages(warnings, { kind: 'warning', color: process.stderr.isTTY })),
      ].join('')
      if (text !== '') process.stderr.write(text)
      if (++builds === 1) {
        if (metafile !== undefined && errors.length === 0) await removeStaleOutput(metafile)
        process.send?.(errors.length === 0)
      } else if (errors.length > 0) {
        console.error('The build failed; the last good version keeps running.')
      } else {
        console.log(`Rebuilt in ${Math.round(performance.now() - begun)} ms.`)
      }
    })
  },
}

function end(): void {
  void esbuild.stop().then(() => process.exit())
}

goOnUnread()
process.on('disconnect', end)
// scripts/start.ts may have gone while this process was still starting.
if (!process.connected) end()

const context = await esbuild.context({ ...bundleOptions('development'), plugins: [report] })
await context.watch()
