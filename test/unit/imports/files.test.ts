import { gzipSync } from 'node:zlib'
import { describe, expect, it, test } from '@jest/globals'
import { MAX_LINE_BYTES } from '../../../src/orders/errors.ts'
import { lineIds } from '../../../src/imports/run.ts'
import { importFixture } from '../../support/imports.ts'

// What a file may look like, and what becomes of it: whole files in, orders and report out. Each is read in chunks of a few
// bytes, so that everything is cut everywhere.
const CHUNKS = [7, 64 * 1024]

const order = (item: string, quantity = 1) => ({ item, quantity })

describe.each(CHUNKS)('in chunks of %i bytes', (chunk) => {
  const importing = async (name: string, content: Uint8Array | string) => {
    const fixture = importFixture({}, chunk)
    const report = await fixture.importing(name, content)
    return { ...fixture, report, rejected: fixture.rejected(name) }
  }
  const items = (orders: Readonly<Record<string, unknown>>) =>
    Object.values(orders).map((content) => (content as { item: string }).item)

  describe('the same orders in every format', () => {
    const two = [
      ['a.jsonl', '{"id":"a1","item":"wid,get","quantity":2}\n{"id":"a2","item":"„gadget“"}\n'],
      ['a.ndjson', '{"id":"a1","item":"wid,get","quantity":2}\r\n\r\n{"id":"a2","item":"„gadget“"}'],
      ['a.JSON', ' [ {"id":"a1","item":"wid,get","quantity":2}\r\n,{"id":"a2","item":"„gadget“"} ]\n'],
      ['a.csv', 'id,item,quantity\r\na1,"wid,get",2\r\na2,„gadget“,\r\n'],
      ['semicolon.csv', 'quantity;id;item\n2;a1;wid,get\n1;a2;„gadget“'],
      ['tab.csv', 'id\titem\tquantity\ra1\twid,get\t2\ra2\t„gadget“\t1\r'],
    ] as const
    const variants = two.flatMap(([name, text]) => [
      [name, Buffer.from(text)] as const,
      [`bom-${name}`, Buffer.from(`\ufeff${text}`)] as const,
      [`${name}.gz`, gzipSync(text)] as const,
      [`bom-${name}.GZ`, gzipSync(`\ufeff${text}`)] as const,
      [`members-${name}.gz`, Buffer.concat([gzipSync(text.slice(0, 20)), gzipSync(text.slice(20))])] as const,
      // A blob with a Content-Encoding.
      [`packed-${name}`, gzipSync(text)] as const,
    ])
    it.each(variants)('%s', async (name, content) => {
      const { report, orders, rejected } = await importing(name, content)
      expect(orders()).toStrictEqual({ a1: order('wid,get', 2), a2: order('„gadget“') })
      expect(report).toMatchObject({
        file: name,
        complete: true,
        lines: 2,
        processed: 2,
        alreadyProcessed: 0,
        refused: 0,
      })
      expect(rejected).toStrictEqual([])
    })
  })

  it('numbers the lines as an editor does, whatever they end with', async () => {
    const { orders, rejected } = await importing(
      'lines.jsonl',
      '{"item":"one"}\n{"item":"two"}\r\n\r{"item":""}\r\r\n \t\n{"item":"seven"}',
    )
    const id = lineIds('lines.jsonl')
    expect(Object.keys(orders())).toStrictEqual([id(1), id(2), id(7)])
    expect(rejected.map(({ line }) => line)).toStrictEqual([4])
  })

  it('U+2028 ends no line', async () => {
    const { orders } = await importing('u.jsonl', '{"item":"a\u2028b"}')
    expect(items(orders())).toStrictEqual(['a\u2028b'])
  })

  it('a line says everything that is wrong with it, with its exact text', async () => {
    const text = '{ "item" : "", "quantity" : 1.5, "colour" : "red" }'
    const { rejected } = await importing('faults.jsonl', `${text}\n`)
    expect(rejected).toStrictEqual([
      {
        line: 1,
        text,
        type: 'urn:orders:problem:invalid-order',
        title: expect.any(String),
        errors: [
          { pointer: '/item', detail: 'must not be empty' },
          { pointer: '/quantity', detail: 'must be an integer' },
          { pointer: '/colour', detail: 'is not a field of an order' },
        ],
      },
    ])
  })

  it('bytes that are no UTF-8 are in the report as they are', async () => {
    const bad = Buffer.concat([Buffer.from('{"item":"'), Buffer.from([0xe9]), Buffer.from('"}')])
    const { rejected, orders } = await importing(
      'latin1.jsonl',
      Buffer.concat([bad, Buffer.from('\n{"item":"ok"}')]),
    )
    expect(rejected).toMatchObject([{ line: 1, base64: bad.toString('base64') }])
    expect(items(orders())).toStrictEqual(['ok'])
  })

  describe('CSV', () => {
    const csv = async (text: string | Uint8Array) => importing('c.csv', text)
    it.each([
      ['too many columns', 'b,2,3', { pointer: '', detail: 'has 3 cells, and the header has 2' }],
      ['too few columns', 'b', { pointer: '', detail: 'has 1 cells, and the header has 2' }],
      ['the header twice', 'item,quantity', { pointer: '', detail: 'repeats the header' }],
      [
        'a quotation mark in a bare cell',
        '5" pipe,1',
        { pointer: '', detail: 'has a quotation mark in the wrong place' },
      ],
      [
        'text after a quoted cell',
        '"a"b,1',
        { pointer: '', detail: 'has a quotation mark in the wrong place' },
      ],
      ['a number with a comma', '"b","1,5"', { pointer: '/quantity', detail: 'must be a number' }],
      ['a number that is none', 'b,0x10', { pointer: '/quantity', detail: 'must be a number' }],
      ['empty cells', ',', { pointer: '/item', detail: 'is required' }],
      [
        'a cell of several lines',
        '"b\r\nc",1',
        { pointer: '/item', detail: 'must not contain control characters' },
      ],
    ])('%s spoils one line, and no other', async (_, text, fault) => {
      const { orders, rejected, report } = await csv(`item,quantity\r\na,1\n${text}\r"c","3"\n`)
      expect(items(orders())).toStrictEqual(['a', 'c'])
      expect(rejected).toMatchObject([{ line: 3, text, errors: [fault] }])
      expect(report).toMatchObject({ complete: true, lines: 3, processed: 2, refused: 1 })
    })

    it('counts the lines of quoted cells', async () => {
      const { rejected } = await csv('\n\nitem\r\n\r\n"a\n\nb"\r\n\n"c""\rd\r\n"\nok\nitem\n')
      expect(rejected.map(({ line, text }) => [line, text])).toStrictEqual([
        [5, '"a\n\nb"'],
        [9, '"c""\rd\r\n"'],
        [13, 'item'],
      ])
    })

    it('shows refused lines as they are, and leaves out blank ones', async () => {
      const { rejected, report } = await csv('item,quantity\n\n\n\nü,0\n \t\n,\n')
      expect(report).toMatchObject({ complete: true, lines: 2 })
      expect(rejected.map(({ line, text }) => [line, text])).toStrictEqual([
        [5, 'ü,0'],
        [7, ','],
      ])
    })

    it('takes tabs that separate cells for an order, and not for a blank line', async () => {
      const { rejected } = await csv('item\tquantity\n\t\n \n')
      expect(rejected).toMatchObject([
        { line: 2, text: '\t', errors: [{ pointer: '/item', detail: 'is required' }] },
      ])
    })

    it('says where a quoted cell begins that has no end, and reads nothing after it', async () => {
      const { rejected, report, orders } = await csv('item\na\n\nb\n\n"c\nd\n')
      expect(items(orders())).toStrictEqual(['a', 'b'])
      expect(report.fault).toStrictEqual({
        detail:
          'A quoted cell that begins in line 6 has no end, or is too long. Nothing after line 6 was read.',
        line: 7,
      })
      expect(rejected).toMatchObject([
        { line: 6, text: '"c', errors: [{ pointer: '', detail: 'has a quotation mark that is not closed' }] },
      ])
    })

    it('formulas are text, and quoted quotation marks are right', async () => {
      const { orders } = await csv('item\n=cmd|\' /C calc\'!A0\n"the ""best"" one"\n@SUM(1)\n')
      expect(items(orders())).toStrictEqual(["=cmd|' /C calc'!A0", 'the "best" one', '@SUM(1)'])
    })

    it('columns without a name have no cells but empty ones', async () => {
      const { orders, rejected } = await csv('item,,\na,,\nb,x,\n')
      expect(items(orders())).toStrictEqual(['a'])
      expect(rejected).toMatchObject([
        { line: 3, errors: [{ pointer: '', detail: 'has a cell in column 2, which has no name' }] },
      ])
    })

    it('bytes that are no UTF-8 spoil their line', async () => {
      const { rejected } = await csv(Buffer.from('item\nb\xe9\nc', 'latin1'))
      expect(rejected).toMatchObject([{ line: 2, errors: [{ pointer: '', detail: 'is not UTF-8 text' }] }])
    })

    it('a quotation mark that is never closed: what follows is read by nobody, and the report says so', async () => {
      for (const rest of ['b,1\n', `b,1\n${'c,1\n'.repeat(25_000)}`]) {
        const { report, rejected, orders } = await csv(`item,quantity\na,1\n\n"open,2\n${rest}`)
        expect(items(orders())).toStrictEqual(['a'])
        expect(report).toMatchObject({
          complete: false,
          fault: { line: 5, detail: expect.stringContaining('line 4') },
          lines: 2,
          processed: 1,
          refused: 1,
        })
        expect(rejected).toMatchObject([{ line: 4, text: '"open,2' }])
      }
    })
  })

  describe('a file that is no list of orders gets a report that says so, and no order', () => {
    it.each<[string, string | Uint8Array, string]>([
      ['orders.xlsx', 'PK', 'known endings'],
      ['orders', '{"item":"a"}', 'known endings'],
      ['.gz', 'x', 'known endings'],
      ['__proto__.constructor', 'x', 'known endings'],
      ['zip.csv', Buffer.from('504b0304140006000800000021000000', 'hex'), 'binary'],
      ['utf16.csv', Buffer.from('\ufeffitem\na', 'utf16le'), 'UTF-16'],
      ['utf16be.csv', Buffer.from('\ufeffitem\na', 'utf16le').swap16(), 'UTF-16'],
      ['utf16-unmarked.jsonl', Buffer.from('{"item":"a"}', 'utf16le'), 'UTF-16'],
      ['unpacked.jsonl.gz', '{"item":"a"}', 'not packed'],
      ['damaged.jsonl.gz', Buffer.from('1f8bffffffff', 'hex'), 'damaged'],
      ['empty.csv', '', 'header'],
      ['blank.csv', '\n \n\t\n', 'header'],
      ['headless.csv', 'widget,2\n', 'Column 1'],
      ['unknown.csv', 'item,colour\na,red\n', 'Column 2'],
      ['quoted-unknown.csv', 'item;"a, b, c, d"\na;red\n', 'Column 2'],
      ['proto.csv', 'item,__proto__\na,b\n', 'Column 2'],
      ['twice.csv', 'item,item\na,b\n', 'item twice'],
      ['lacks.csv', 'id,quantity\na,1\n', 'no column item'],
      ['quoted.csv', 'item,"qu"antity\na,1\n', 'quotation mark'],
      ['long.csv', `item${' '.repeat(MAX_LINE_BYTES)}\na\n`, 'too long'],
      ['object.json', '{"item":"a"}', 'one array'],
      ['empty.json', ' \n', 'empty'],
    ])('%s', async (name, content, detail) => {
      const { report, orders, rejected } = await importing(name, content)
      expect(report).toMatchObject({
        complete: false,
        lines: 0,
        fault: { detail: expect.stringContaining(detail) },
      })
      expect(orders()).toStrictEqual({})
      expect(rejected).toStrictEqual([])
    })
  })

  it('a cut-off gzip: no order is made of the line that it ends in', async () => {
    const lines = Array.from({ length: 400 }, (_, i) => `widget ${i},${(i * 37) % 1000}`)
    const packed = gzipSync(`item,quantity\n${lines.join('\n')}`)
    for (const kept of [packed.length - 1, packed.length - 9, packed.length >> 1, 20]) {
      const { report, orders } = await importing('cut.csv.gz', packed.subarray(0, kept))
      expect(report).toMatchObject({ complete: false, fault: { detail: expect.stringContaining('cut off') } })
      const made = Object.values(orders()).map((content) => {
        const { item, quantity } = content as { item: string; quantity: number }
        return `${item},${quantity}`
      })
      expect(made).toStrictEqual(lines.filter((line) => !line.endsWith(',0')).slice(0, made.length))
    }
  })

  it('a JSON array whose elements cannot be told apart is read to there', async () => {
    for (const rest of ['{"item":"c"}}', '{"item":"c"', '{"item":"c}, {"item":"d"}]', '{"item":"c"}]]']) {
      const { report, orders } = await importing('array.json', `[{"item":"a"},\n{"item": b},${rest}`)
      expect(items(orders()).slice(0, 1)).toStrictEqual(['a'])
      expect(report).toMatchObject({ complete: false, refused: 1, fault: { line: expect.any(Number) } })
    }
  })

  it('an element that is no JSON is refused, with the others around it', async () => {
    const { orders, rejected } = await importing(
      'e.json',
      '[{"item":"a,]"},,{"item":tru},"x","a\nb", {"item":"b\\""} ,]',
    )
    expect(items(orders())).toStrictEqual(['a,]', 'b"'])
    expect(rejected.map(({ line, text }) => [line, text])).toStrictEqual([
      [2, ''],
      [3, '{"item":tru}'],
      [4, '"x"'],
      [5, '"a\nb"'],
      [7, ''],
    ])
  })
})

describe('lines that are too long', () => {
  const long = 'y'.repeat(1_000_000)
  test.each([
    ['l.jsonl', `{"item":"a"}\n{"item":"${long}"}\n{"item":"b"}`, '{"i'],
    ['l.json', `[{"item":"a"},{"item":"${long}"},{"item":"b"}]`, '{"i'],
    ['deep.json', `[{"item":"a"},${'['.repeat(500_000)}${']'.repeat(500_000)},{"item":"b"}]`, '[[['],
    ['l.csv', `item\na\n${long}\nb`, 'yyy'],
    ['quoted.csv', `item\na\n"${long}"\nb`, '"yy'],
    ['several.csv', `item\na\n"x\n${long}"\nb`, '"x\n'],
    ['opens.csv', `item\na\n"${long}\nx"\nb`, '"yy'],
  ])('%s', async (name, content, begin) => {
    const { importing, rejected, orders } = importFixture({}, 64 * 1024)
    expect(await importing(name, content)).toMatchObject({
      complete: true,
      lines: 3,
      processed: 2,
      refused: 1,
    })
    expect(Object.values(orders())).toStrictEqual([order('a'), order('b')])
    const [line] = rejected(name)
    expect(line?.text?.slice(0, 3)).toBe(begin)
    expect(line).toMatchObject({ type: 'urn:orders:problem:body-too-large' })
    expect(line?.length).toBeGreaterThanOrEqual(1_000_000)
    expect(line?.text?.length).toBeLessThanOrEqual(1024)
  })

  it('spoil one order when they are in one quoted cell, and not the next', async () => {
    const { importing, rejected, orders } = importFixture({}, 64 * 1024)
    await importing('two.csv', `item\n"${long}\n${long}"\nb`)
    expect(rejected('two.csv')).toMatchObject([
      { line: 2, detail: `A line may be at most ${MAX_LINE_BYTES} bytes long.` },
    ])
    expect(Object.values(orders())).toStrictEqual([order('b')])
  })

  it('are those of more than 64 KiB', async () => {
    const fill = (text: string) => text.padEnd(MAX_LINE_BYTES, ' ')
    const { importing, rejected } = importFixture()
    expect(await importing('full.jsonl', fill('{"item":"a"}'))).toMatchObject({ processed: 1 })
    expect(await importing('full.json', `[${fill('{"item":').slice(0, -4)}"b"}]`)).toMatchObject({
      processed: 1,
    })
    // Too long for an item, and not for a line.
    await importing('full.csv', `item\n${'c'.repeat(MAX_LINE_BYTES)}\n`)
    expect(rejected('full.csv')).toMatchObject([{ type: 'urn:orders:problem:invalid-order' }])
  })

  it('are the end of the file where they open a quoted cell, and nothing closes it', async () => {
    const { importing, rejected } = importFixture()
    const report = await importing('open.csv', `item\na\n"${long}`)
    expect(report).toMatchObject({ complete: false, processed: 1, fault: { line: 4 } })
    expect(rejected('open.csv')).toMatchObject([{ line: 3, length: 1_000_001 }])
  })

  it('a quoted cell of many lines is the end of the file, too, when it is longer than two', async () => {
    const { importing } = importFixture()
    const cell = `"${'y\n'.repeat(100_000)}"`
    expect(await importing('cell.csv', `item\na\n${cell}\nb`)).toMatchObject({
      complete: false,
      processed: 1,
      fault: { detail: expect.stringContaining('A quoted cell that begins in line 3'), line: 4 },
    })
  })

  it('are cut between two characters in the report', async () => {
    const { importing, rejected } = importFixture()
    await importing('cut.jsonl', `x${'é'.repeat(100_000)}\n${'z'.repeat(70_000)}`)
    expect(rejected('cut.jsonl').map(({ text }) => text)).toStrictEqual([
      `x${'é'.repeat(511)}`,
      'z'.repeat(1024),
    ])
  })
})

test('a file may be as large as the limit says', async () => {
  const { importing } = importFixture({ maxBytes: 12 })
  expect(await importing('a.jsonl', '{"item":"a"}')).toMatchObject({ complete: true, processed: 1 })
})

test('a file without a known ending is told which there are', async () => {
  const { importing } = importFixture()
  expect((await importing('a.txt', 'a')).fault?.detail).toBe(
    "The file's name has none of the known endings: .jsonl, .ndjson, .json, .csv, each also with .gz.",
  )
})

test('a file over the limit is not read at all; one that is unpacked over it, to there', async () => {
  const lines = '{"item":"a"}\n'.repeat(100_000)
  const { importing, orders } = importFixture({ maxBytes: 1_000_000 })
  expect(await importing('big.jsonl', lines)).toMatchObject({
    complete: false,
    lines: 0,
    fault: { detail: expect.stringContaining('1000000') },
  })
  expect(await importing('bomb.jsonl.gz', gzipSync(lines))).toMatchObject({
    complete: false,
    fault: { detail: expect.stringContaining('1000000') },
  })
  expect(Object.keys(orders()).length).toBeLessThanOrEqual(1_000_000 / 13)
})

test('a million empty lines are no order', async () => {
  const { importing } = importFixture()
  for (const [name, head] of [
    ['e.jsonl', ''],
    ['e.csv', 'item\n'],
  ] as const) {
    expect(await importing(name, head + '\n'.repeat(1_000_000))).toMatchObject({ complete: true, lines: 0 })
  }
})
