import { describe, expect, test } from '@jest/globals'
import { isDateTime } from '../src/http/date-time.ts'
import { constraint, RoutePatternError } from '../src/http/route-constraint.ts'
import { compileRoute } from '../src/http/route-match.ts'
import { parseRoute, RouteTemplateError, withoutPrefix } from '../src/http/route-template.ts'

// https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-templates

describe('a route matches a path', () => {
  test.each<[string, string, Record<string, string> | undefined]>([
    ['', '/', {}],
    ['a', '/a', {}],
    ['a', '/A/', {}],
    ['a', '/a/b', undefined],
    ['a', '/a//', undefined],
    ['a/{b}', '/a/b/c', undefined],
    ['a/{b}', '/a/b/', { b: 'b' }],
    ['a/{b}', '/a', undefined],
    ['a/{b}', '/a/', undefined],
    ['a/b', '/a', undefined],
    ['a/b', '/a//', undefined],
    ['a/{b}-{c}', '/a', undefined],
    ['a/{b}.{c?}', '/a', undefined],
    ['{a}/{b?}', '/x', { a: 'x' }],
    ['{a}/{b?}', '/x/y', { a: 'x', b: 'y' }],
    ['{a}/{b?}', '/x/y/z', undefined],
    ['{a=1}/{b=2}', '/', { a: '1', b: '2' }],
    ['{a=1}/{b=2}', '/x', { a: 'x', b: '2' }],
    ['{a=}', '/', { a: '' }],
    ['{a:int=7}', '/', { a: '7' }],
    ['{a:int=x}', '/', undefined],
    ['{a:int?}', '/', {}],
    ['{a:int?}', '/x', undefined],
    ['a/{*b}', '/a', {}],
    ['a/{*b}', '/a/', {}],
    ['a/{*b}', '/a/b//c/', { b: 'b//c/' }],
    ['a/{*b}', '/a//c', undefined],
    ['a/{*b=x}', '/a', { b: 'x' }],
    ['a/{*b=x}', '/a/y', { b: 'y' }],
    ['a/{*b:int}', '/a', undefined],
    ['a/{*b:int}', '/a/5', { b: '5' }],
    ['a/{**b}', '/a/b/c', { b: 'b/c' }],
    ['{a}.{b}', '/x.y.z', { a: 'x.y', b: 'z' }],
    ['{a}.{b}', '/x.', undefined],
    ['{a}.{b}', '/.x', undefined],
    ['{a}.{b}', '/xy', undefined],
    ['{a}.{b?}', '/x', { a: 'x' }],
    ['{a}.{b?}', '/x.', undefined],
    ['{a}.{b?}', '/x.y', { a: 'x', b: 'y' }],
    ['{a}.{b?}', '/.y', { a: '.y' }],
    ['x{a}', '/xy', { a: 'y' }],
    ['x{a}', '/x', undefined],
    ['x{a}', '/yx', undefined],
    ['{a}x', '/yx', { a: 'y' }],
    ['{a}x', '/x', undefined],
    ['{a}x', '/yxz', undefined],
    ['{a}X{b}', '/1x2', { a: '1', b: '2' }],
    ['{a}xx{b}', '/1xxx2', { a: '1x', b: '2' }],
    ['x{a}y{b}z', '/XaYbZ', { a: 'a', b: 'b' }],
    ['x{a}y{b}z', '/xyz', undefined],
    ['x{a}y{b}z', '/wxaybz', undefined],
    ['{a:int}.{b:int}', '/1.2', { a: '1', b: '2' }],
    ['{a:int}.{b:int}', '/1.x', undefined],
    ['{{a}}/b', '/{a}/b', {}],
    ['{{{a}-}}', '/{5-}', { a: '5' }],
    ['/a', '/a', {}],
    ['~/a', '/a', {}],
    ['a/', '/a', {}],
  ])('%s %s: %j', (template, path, params) => {
    const found = compileRoute(template).match(path)
    expect(found === undefined ? undefined : Object.fromEntries(found)).toEqual(params)
  })
})

describe('a template', () => {
  test.each([
    ['/users', undefined],
    ['//users', 'two slashes follow each other. Leave one out; a route needs no slash at its start'],
    ['a//b', 'two slashes follow each other. Leave one out; a route needs no slash at its start'],
    ['two/{a}{b}', "the parameters 'a' and 'b' stand side by side in '{a}{b}'. Put text between them"],
    ['q/a?b', "its text 'a?b' contains a '?'"],
    ['o/{*a?}', "its catch-all parameter '{*a?}' cannot be optional"],
    ['o/{**a?}', "its catch-all parameter '{**a?}' cannot be optional"],
    ['p/{a=5?}', "its optional parameter '{a=5?}' cannot have a default value"],
    ['p/{a:int=5?}', "its optional parameter '{a:int=5?}' cannot have a default value"],
    ['s/{a?}.b', "the optional parameter 'a' must be at the end of its segment '{a?}.b'"],
    ['t/{a}-{b?}', "only a dot may stand before the optional parameter 'b', not '-', in '{a}-{b?}'"],
    ['t/x{b?}', "only a dot may stand before the optional parameter 'b', not 'x', in 'x{b?}'"],
    ['u/{*rest}/x', 'a catch-all parameter must be its last segment'],
    ['u/{a}{*rest}', "its segment '{a}{*rest}' has a catch-all parameter beside something else"],
    ['u/x{*rest}', "its segment 'x{*rest}' has a catch-all parameter beside something else"],
    ['u/{a', "a brace has no partner. Write '{{' or '}}' for a brace that is text"],
    ['u/{', "a brace has no partner. Write '{{' or '}}' for a brace that is text"],
    ['u/{a{', "a brace has no partner. Write '{{' or '}}' for a brace that is text"],
    ['u/{a}}', "a brace has no partner. Write '{{' or '}}' for a brace that is text"],
    ['u/a}', "a brace has no partner. Write '{{' or '}}' for a brace that is text"],
    ['u/a}b', "a brace has no partner. Write '{{' or '}}' for a brace that is text"],
    ['u/a{', "a brace has no partner. Write '{{' or '}}' for a brace that is text"],
    ['u/{a{b}', "a brace inside of a parameter must be doubled: '{{' and '}}'"],
    ['u/{}', "'' is not a name for a parameter, in '{}'"],
    ['u/{?}', "'' is not a name for a parameter, in '{?}'"],
    ['u/{a*}', "'a*' is not a name for a parameter, in '{a*}'"],
    ['u/{***a}', "'*a' is not a name for a parameter, in '{***a}'"],
    ['u/{a}}b}', "'a}b' is not a name for a parameter, in '{a}b}'"],
    ['u/{a{{b}', "'a{b' is not a name for a parameter, in '{a{b}'"],
    ['u/{a?b}', "'a?b' is not a name for a parameter, in '{a?b}'"],
    ['u/{a}/{A}', "its parameter 'A' appears twice"],
    ['u/{a:nosuch}', "its constraint ':nosuch' is unknown"],
    ['u/{a:nosuch(1)}', "its constraint ':nosuch(1)' is unknown"],
    ['u/{a:int(5)}', "its constraint ':int' takes no arguments"],
    ['u/{a:int()}', "its constraint ':int' takes no arguments"],
    ['u/{a:int(5}', "its constraint ':int(5' is unknown"],
    ['u/{a:length}', "its constraint ':length()' needs 1 or 2 numbers"],
    ['u/{a:length(1,2,3)}', "its constraint ':length(1,2,3)' needs 1 or 2 numbers"],
    ['u/{a:length(x)}', "its constraint ':length(x)' needs whole numbers"],
    ['u/{a:length(1,x)}', "its constraint ':length(1,x)' needs whole numbers"],
    ['u/{a:length(-1)}', "its constraint ':length(-1)' has a number below 0"],
    ['u/{a:length(2147483648)}', "its constraint ':length(2147483648)' needs whole numbers"],
    ['u/{a:length(3,2)}', "its constraint ':length(3,2)' begins above its end"],
    ['u/{a:minlength(1,2)}', "its constraint ':minlength(1,2)' needs 1 number"],
    ['u/{a:minlength(-1)}', "its constraint ':minlength(-1)' has a number below 0"],
    ['u/{a:maxlength}', "its constraint ':maxlength()' needs 1 number"],
    ['u/{a:maxlength(-1)}', "its constraint ':maxlength(-1)' has a number below 0"],
    ['u/{a:min(1,2)}', "its constraint ':min(1,2)' needs 1 number"],
    ['u/{a:max(1,2)}', "its constraint ':max(1,2)' needs 1 number"],
    ['u/{a:range(5)}', "its constraint ':range(5)' needs 2 numbers"],
    ['u/{a:range(5,2)}', "its constraint ':range(5,2)' begins above its end"],
    ['u/{a:min(9223372036854775808)}', "its constraint ':min(9223372036854775808)' needs whole numbers"],
    ['u/{a:regex}', "its constraint ':regex' needs a pattern: ':regex(…)'"],
    ['~users', "it begins with '~' without a slash after it"],
    ['u/{a:length(2,2)}', undefined],
    ['u/{a:range(-5,-5)}', undefined],
    ['u/{a:min(-9223372036854775808)}', undefined],
    ['u/{a::int:}', undefined],
    ['u/{:a}', undefined],
    ['u/{=a}', undefined],
    ['u/a.{b?}', "only a dot may stand before the optional parameter 'b', not 'a.', in 'a.{b?}'"],
    ['u/{a}.{b?}', undefined],
    ['u/{{a?}}', "its text '{a?}' contains a '?'"],
  ])('%s: %s', (template, problem) => {
    const parse = (): unknown => parseRoute(template)
    if (problem === undefined) expect(parse).not.toThrow()
    else {
      expect(parse).toThrow(RouteTemplateError)
      expect(parse).toThrow(expect.objectContaining({ message: problem }))
    }
  })

  test('has parameters with names, defaults and constraints', () => {
    const [[literal] = [], [id] = [], [rest] = []] = parseRoute('a}}b{{/{Id:int:min(3)?}/{*rest=x:y=z}')
    expect(literal).toEqual({ kind: 'literal', text: 'a}b{' })
    expect(id).toMatchObject({
      kind: 'parameter',
      name: 'Id',
      optional: true,
      catchAll: false,
      fallback: undefined,
    })
    expect(id?.kind === 'parameter' && id.constraints.map((holds) => ['2', '3', 'x'].map(holds))).toEqual([
      [true, true, false],
      [false, true, false],
    ])
    expect(rest).toMatchObject({
      name: 'rest',
      optional: false,
      catchAll: true,
      fallback: 'x:y=z',
      constraints: [],
    })
  })

  test.each<[string, string[], string | undefined]>([
    ['{a:regex(^x:y=z$)}', ['x:y=z'], undefined],
    ['{a:regex(^(x:y)$)=q}', ['x:y'], 'q'],
    ['{a:regex(^\\d{{2}}$):int}', ['12'], undefined],
    ['{a:regex(^a)b$)}', [], undefined],
    ['{a:length(1)=(}', ['x'], '('],
    ['{a=x:int}', ['anything'], 'x:int'],
    ['{a=}', ['anything'], ''],
  ])('%s takes %j, and has the default %j', (template, values, fallback) => {
    const [[parameter] = []] = parseRoute(template)
    if (parameter?.kind !== 'parameter') throw new Error('It is no parameter.')
    expect(parameter.fallback).toBe(fallback)
    for (const value of values) expect(parameter.constraints.every((holds) => holds(value))).toBe(true)
  })

  test('the dot before an optional parameter is a separator', () => {
    const [[, dot] = []] = parseRoute('{a}.{b?}')
    expect(dot).toEqual({ kind: 'separator', text: '.' })
    const [[, plain] = []] = parseRoute('{a}.{b}')
    expect(plain).toEqual({ kind: 'literal', text: '.' })
  })

  test.each([
    ['~/a', 'a'],
    ['/a', 'a'],
    ['//a', '/a'],
    ['a/~', 'a/~'],
    ['', ''],
  ])('%s without its prefix is %s', (template, plain) => {
    expect(withoutPrefix(template)).toBe(plain)
  })
})

// https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-constraints
describe('a route constraint', () => {
  const guid = '6f9619ff-8b86-d011-b42d-00cf4fc964ff'
  const longest = '79228162514264337593543950335'

  test.each<[string, string[], string[]]>([
    ['int', ['0', '-5', '+5', '007', ' 5 ', '\t5\r', '2147483647', '-2147483648'], ['', '2147483648', '-2147483649', '5.0', 'x5', '5x', '1e3', '--5', '+-5', '+', '5\u00a0']],
    ['INT', ['5'], ['x']],
    ['long', ['9223372036854775807', '-9223372036854775808'], ['9223372036854775808', '-9223372036854775809', '1.5']],
    ['bool', ['true', 'FALSE', ' True '], ['1', 'truex', 'xtrue', 'true false', '']],
    ['alpha', ['', 'abcXYZ'], ['a1', 'ä', 'a b', ' a', 'a ']],
    ['decimal', ['1', '1.', '.5', '-1.5', '+ 1', '1-', '1.5+', ' 1 ', '1,2,3', '12,3.45', longest, `-${longest}.9`], ['', '.', '1e3', '1.2.3', 'x1', '1x', ',1', '--1', '1 -', '79228162514264337593543950336']],
    ['double', ['1', '1.5', '.5', '1.', '-1e10', '1E+5', '1e-5', '1.5e300', 'nan', '-Infinity', '+NaN', ' 1 ', '1,5'], ['', 'x', '1e', '1e1.5', '1 e5', 'infinit', 'xnan', 'nanx', '- 1', '1-', '.']],
    ['float', ['1', '1.5', '1e39', 'NaN'], ['', 'x', '1e']],
    ['guid', [guid, guid.toUpperCase(), guid.replaceAll('-', ''), `{${guid}}`, `(${guid})`, ` ${guid} `], ['', `{${guid}`, `(${guid}}`, `${guid}0`, `0${guid}`, guid.slice(1), guid.replace('-', ''), `{${guid.replaceAll('-', '')}}`, 'g'.repeat(32)]],
    ['required', ['a', ' '], ['']],
    ['file', ['a.b', '.b', 'a/b.c', 'a..b', 'a.b.c'], ['', 'a', 'a.', 'a.b/c', 'a..', '.']],
    ['nonfile', ['', 'a', 'a.', 'a.b/c'], ['a.b', '.b']],
    ['exists', [], ['', 'a']],
    ['length(3)', ['abc', '😀a'], ['ab', 'abcd', '']],
    ['length(2,4)', ['ab', 'abc', 'abcd'], ['a', 'abcde']],
    ['length( +2 )', ['ab'], ['a']],
    ['minlength(2)', ['ab', 'abc'], ['a', '']],
    ['maxlength(2)', ['', 'a', 'ab'], ['abc']],
    ['min(5)', ['5', '6', '9223372036854775807'], ['4', 'x', '', '5.5', '9223372036854775808']],
    ['min(-5)', ['-5', '0'], ['-6']],
    ['max(5)', ['5', '-6'], ['6', 'x', '', '-9223372036854775809']],
    ['range(2,4)', ['2', '3', '4'], ['1', '5', 'x', '', '3.0']],
    ['regex(^a.c$)', ['abc', 'AXC'], ['xabc', 'abcd', 'a\nc']],
    ['regex(b)', ['b', 'abc', 'B'], ['', 'x']],
    ['regex()', ['', 'x'], []],
    ['regex((?i)^a$)', ['a', 'A'], ['b']],
    ['regex((?imsn)^a$)', ['a'], ['b']],
    ['regex(x(?i)y)', [], []],
    ['regex(\\Aab\\z)', ['ab'], ['xab', 'abx']],
    ['regex(\\Aab\\Z)', ['ab'], ['xab', 'abx']],
    ['regex(^\\p{L}+$)', ['aü'], ['1', 'p{L}']],
    ['regex(^\\_$)', ['_'], ['x']],
  ])('%s takes %j and refuses %j', (text, taken, refused) => {
    if (text === 'regex(x(?i)y)') {
      expect(() => constraint(text)('xy')).toThrow(RoutePatternError)
      return
    }
    const holds = constraint(text)
    expect(taken.filter((value) => !holds(value))).toEqual([])
    expect(refused.filter((value) => holds(value))).toEqual([])
  }) // prettier-ignore

  test.each(['int', 'required', 'length(1)', 'min(1)', 'regex(.*)', 'file', 'alpha'])(
    '%s does not hold for a catch-all that took nothing',
    (text) => {
      expect(constraint(text)(undefined)).toBe(false)
    },
  )

  test('nonfile holds for it', () => {
    expect(constraint('nonfile')(undefined)).toBe(true)
  })

  test('a pattern that JavaScript has not fails the request, and the message shows it', () => {
    const holds = constraint('regex([)')
    expect(holds(undefined)).toBe(false)
    expect(() => holds('a')).toThrow(
      expect.objectContaining({
        message: "Its route constraint ':regex([)' is not a regular expression of JavaScript.",
      }),
    )
  })
})

// https://learn.microsoft.com/dotnet/api/system.datetime.tryparse
describe('a date', () => {
  test.each([
    '2026-01-02', '2026/1/2', '2026-1', '2026-12', '0001-01-01', '1/2/2026', '01-02-26', '12/31', '2/29/2024', '2/29/24',
    '5 Mar', '05-march-2026', '5 mar 26', '5 Mar, 2026', '5 Mar,  2026', 'March 2026', 'Mar, 2026', 'Mar 5', 'March 5, 2026', 'dec 31 2026',
    '10:30', '0:0', '23:59:59', '9:5:3.1234567', '12:00 am', '1:30pm', '12 pm', '7am', '10:30Z', '10:30 gmt', '10:30+02:00', '10:30-0130', '10:30 +2',
    '2026-01-02T03:04:05Z', '2026-01-02 03:04', '2026-01-02t03:04', '2026-01-02, 03:04', '3/5/2026 7 pm', ' 2026-01-02 ', 'March 5, 2026 10:30',
    'Mon, 2026-01-05', 'Thursday, 5 March 2026 10:30', 'tue, 10:30', 'Tues, 10:30', 'wed,10:30', 'Wednesday, 1:00', 'thu, 1:00', 'Thurs, 1:00', 'fri, 1:00', 'sat, 1:00', 'Saturday, 1:00', 'sun, 1:00',
  ])('is %j', (text) => {
    expect(isDateTime(text)).toBe(true)
  }) // prettier-ignore

  test.each([
    '', '1', '2026', 'x', '2026-13', '2026-0-1', '2026-01-32', '2026-02-29', '2026-00-01', '2026-01-00', '0000-01-01', '13-02-2026', '1/2/202', '1/2/20260', '2026-01-023', '2/29/2026', '2/29/23', '4/31',
    '5 Foo', '32 Mar', '5 ma', '5 Marc20', 'Foo 2026', 'March 20261', 'March 32', 'x5 Mar', 'xMarch 2026', 'xMarch 5', 'x2026-01-02', 'x1/2/2026', 'March 5x', 'March 5, 2026x',
    '24:00', '10:60', '10:30:60', '13:00 pm', '13 pm', '12', '10:30x', 'x10:30', '10:', '10:3:', ':30', '10:30 xm', '10:30+', '10:30.5', '13am',
    '2026-01-02T', '2026-01-02T25:00', '2026-01-02x03:04', '2026-01-02 T 03:04', 'Mon 2026-01-05', 'Xmon, 10:30', 'Monda, 10:30', 'Mon, ',
  ])('is not %j', (text) => {
    expect(isDateTime(text)).toBe(false)
  }) // prettier-ignore
})
