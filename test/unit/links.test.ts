import { describe, expect, it } from '@jest/globals'
import { existsSync, globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { ROOT } from '../../scripts/build.ts'

// Every relative link in the documentation has a target: an existing file, and an existing heading in it.

/** Folders that adopters may delete. Links into a deleted one are not checked. */
const REMOVABLE = ['.github', 'infra', 'packages/soak', 'packages/bench']

const PAGES = globSync(['*.md', 'docs/*.md', 'packages/*/*.md', 'packages/*/docs/*.md'], { cwd: ROOT })

const pageText = (page: string) => readFileSync(path.join(ROOT, page), 'utf8')

/** A page's Markdown without its code blocks. */
const prose = (page: string) => pageText(page).replaceAll(/^(```|~~~).*?^\1/gms, '')

/** The anchors that GitHub gives a page's headings. */
function anchorsOf(page: string): ReadonlySet<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of prose(page).matchAll(/^#{1,6} +(.+)$/gm)) {
    const text = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll(/[`*]/g, '')
    const slug = text
      .trim()
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-')
    let anchor = slug
    for (let i = 1; anchors.has(anchor); i++) anchor = `${slug}-${i}`
    anchors.add(anchor)
  }
  return anchors
}

/** The targets of a page's relative links and images. */
function linksOf(page: string): readonly string[] {
  return [...prose(page).matchAll(/\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)/g)]
    .map(([, link = '']) => link)
    .filter((link) => !/^[a-z][a-z+.-]*:/i.test(link))
}

/** What is wrong with a link, if anything. */
function faultOf(page: string, link: string): string | undefined {
  // GitHub resolves it from the page of the repository.
  const workflow = /^\.\.\/\.\.\/actions\/workflows\/([^/]+)/.exec(link)?.[1]
  const [file = '', anchor] = workflow === undefined ? link.split('#') : [`.github/workflows/${workflow}`]
  const target = file === '' ? page : path.posix.join(path.posix.dirname(page), decodeURIComponent(file))
  const removed = REMOVABLE.some(
    (folder) => target.startsWith(`${folder}/`) && !existsSync(path.join(ROOT, folder)),
  )
  if (removed) return undefined
  if (!existsSync(path.join(ROOT, target))) return `${link}: there is no ${target}`
  if (anchor === undefined || !target.endsWith('.md') || anchorsOf(target).has(anchor)) return undefined
  return `${link}: ${target} has no heading #${anchor}`
}

describe('relative links', () => {
  it('are found at all', () => {
    expect(PAGES).toEqual(
      expect.arrayContaining(['README.md', 'docs/guarantees.md', 'packages/api-page/README.md']),
    )
    expect(linksOf('README.md').length).toBeGreaterThan(10)
    expect(faultOf('README.md', 'docs/missing.md')).toMatch(/there is no docs\/missing\.md/)
    expect(faultOf('docs/guarantees.md', '../README.md#missing')).toMatch(/no heading #missing/)
    // Links into a folder that an adopter has deleted are passed over.
    if (existsSync(path.join(ROOT, '.github'))) {
      expect(faultOf('README.md', '../../actions/workflows/missing.yml')).toMatch(/there is no/)
    }
    expect(faultOf('README.md', '#tour')).toBeUndefined()
  })

  it.each(PAGES)('in %s have a target', (page) => {
    expect(linksOf(page).flatMap((link) => faultOf(page, link) ?? [])).toStrictEqual([])
  })
})
