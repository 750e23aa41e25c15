import { readFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { fileURLToPath } from 'node:url'

/** A V8 CPU profile: https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: {
      readonly functionName: string
      readonly url: string
      readonly lineNumber: number
      readonly columnNumber: number
    }
    readonly children?: readonly number[]
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

interface Frame {
  readonly name: string
  readonly origin: Origin
  /** Microseconds, with all that it called. */
  time: number
  readonly called: Map<string, Frame>
}

const ORIGINS = {
  app: { label: 'this app', colour: '#e4572e' },
  validation: { label: 'valibot', colour: '#f3a712' },
  storage: { label: 'Azure Storage client', colour: '#4f86c6' },
  library: { label: '@azure/functions', colour: '#76b041' },
  host: { label: 'local worker', colour: '#b8b08d' },
  node: { label: 'Node and V8', colour: '#c9cdd4' },
} as const
type Origin = keyof typeof ORIGINS

/** Not work: waiting, and what the profiler itself can't name. */
const NOT_WORK = new Set(['(idle)', '(program)', '(root)'])
const WIDTH = 1200
const ROW = 18
const TOP = 56
const LEAST_PIXELS = 0.5
const PIXELS_A_LETTER = 6.6

/** Draws a profile: the wider, the more time; above each function what it called; the title says how much. */
export function flameGraph(profile: CpuProfile, title: string): string {
  const root = mergedFrames(profile)
  const depth = depthOf(root)
  const height = TOP + (depth + 1) * ROW + 10
  const parts: string[] = []
  const draw = (frame: Frame, x: number, level: number) => {
    const width = (frame.time / root.time) * WIDTH
    if (width < LEAST_PIXELS) return
    const y = TOP + (depth - level) * ROW
    const percent = ((100 * frame.time) / root.time).toFixed(1)
    const letters = Math.floor((width - 6) / PIXELS_A_LETTER)
    const label =
      letters < 3 ? '' : frame.name.length > letters ? `${frame.name.slice(0, letters - 1)}…` : frame.name
    parts.push(
      `<g><title>${escaped(`${frame.name} (${ORIGINS[frame.origin].label}): ${percent} %`)}</title>` +
        `<rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 1}" rx="1" fill="${ORIGINS[frame.origin].colour}"/>` +
        (label === '' ? '' : `<text x="${(x + 3).toFixed(1)}" y="${y + 13}">${escaped(label)}</text>`) +
        '</g>',
    )
    let next = x
    for (const called of [...frame.called.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
      draw(called, next, level + 1)
      next += (called.time / root.time) * WIDTH
    }
  }
  draw(root, 0, 0)
  const legend = Object.values(ORIGINS)
    .map(
      ({ label, colour }, index) =>
        `<rect x="${10 + index * 170}" y="32" width="12" height="12" fill="${colour}"/><text x="${27 + index * 170}" y="43">${escaped(label)}</text>`,
    )
    .join('')
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="monospace" font-size="11">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    `<text x="10" y="20" font-size="14" font-weight="bold">${escaped(title)}</text>`,
    legend,
    ...parts,
    '</svg>',
    '',
  ].join('\n')
}

function mergedFrames({ nodes, samples, timeDeltas }: CpuProfile): Frame {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const parents = new Map(nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id])))
  const described = new Map(nodes.map((node) => [node.id, describe(node.callFrame)]))
  const root: Frame = { name: 'worker process', origin: 'node', time: 0, called: new Map() }
  for (const [index, sample] of samples.entries()) {
    const time = Math.max(0, timeDeltas[index] ?? 0)
    const stack: { readonly name: string; readonly origin: Origin }[] = []
    for (let id: number | undefined = sample; id !== undefined; id = parents.get(id)) {
      const frame = described.get(id)
      if (frame !== undefined && byId.get(id)?.callFrame.functionName !== '(root)') stack.unshift(frame)
    }
    if (stack.length === 0 || stack.some(({ name }) => NOT_WORK.has(name))) continue
    root.time += time
    let frame = root
    for (const { name, origin } of stack) {
      const key = `${origin} ${name}`
      const known: Frame = frame.called.get(key) ?? { name, origin, time: 0, called: new Map() }
      frame.called.set(key, known)
      known.time += time
      frame = known
    }
  }
  return root
}

const sourceMaps = new Map<string, SourceMap | undefined>()

/** A function's name and where it is from, by the bundle's source map where there is one. */
function describe(callFrame: CpuProfile['nodes'][number]['callFrame']): { name: string; origin: Origin } {
  const { functionName, url, lineNumber, columnNumber } = callFrame
  const entry = sourceMapOf(url)?.findEntry(lineNumber, columnNumber)
  const source = entry !== undefined && 'originalSource' in entry ? entry.originalSource : url
  const file = source.split('/').at(-1) ?? ''
  const name = functionName === '' ? `(anonymous, ${file === '' ? 'native' : file})` : functionName
  return { name, origin: originOf(source) }
}

function sourceMapOf(url: string): SourceMap | undefined {
  if (!url.startsWith('file:')) return undefined
  if (!sourceMaps.has(url)) {
    try {
      const text = readFileSync(`${fileURLToPath(url)}.map`, 'utf8')
      sourceMaps.set(url, new SourceMap(JSON.parse(text) as ConstructorParameters<typeof SourceMap>[0]))
    } catch {
      sourceMaps.set(url, undefined)
    }
  }
  return sourceMaps.get(url)
}

function originOf(source: string): Origin {
  if (source.includes('func-local')) return 'host'
  if (source.includes('/valibot/')) return 'validation'
  if (source.includes('@azure/functions')) return 'library'
  if (source.includes('/node_modules/')) return 'storage'
  if (source.includes('/src/')) return 'app'
  return 'node'
}

function depthOf(frame: Frame): number {
  return Math.max(0, ...[...frame.called.values()].map((called) => 1 + depthOf(called)))
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
