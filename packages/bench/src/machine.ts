import { cpus, totalmem } from 'node:os'

/** The hardware and the Node.js version, without the machine's name. */
export function machine(): { readonly text: string } & Readonly<Record<string, string | number>> {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor'
  const cores = cpus().length
  const gigabytes = Math.round(totalmem() / 2 ** 30)
  const node = process.version
  return {
    node,
    cores,
    model,
    gigabytes,
    platform: process.platform,
    text: `Node ${node}, ${cores} cores (${model}), ${gigabytes} GB, ${process.platform}`,
  }
}
