import js from '@eslint/js'
import { createNodeResolver, importX } from 'eslint-plugin-import-x'
import tseslint from 'typescript-eslint'

/**
 * Who may import whom (DESIGN: README, "Map"): `from` what `target` must not import, `except` below `from`. Data flows one way,
 * and each folder can be deleted or lifted out alone. `test/unit/directions.test.ts` breaks each of them once.
 */
export const zones = [
  // The app knows nothing of what stands around it, but the text of the API page.
  zone('src', '.', ['src', 'node_modules', 'host.json', 'package.json', 'packages/api-page/page.html']),
  // The order module knows nothing of HTTP, storage or functions.
  zone('src/orders', 'src', ['orders']),
  // Files of orders are read and reported on without knowing where they lie.
  zone('src/imports', 'src', ['imports', 'orders', 'settings.ts']),
  // Packages know nothing of each other, the app or its scripts …
  ...['func-local', 'api-page', 'testkit'].map((name) =>
    zone(`packages/${name}`, '.', [`packages/${name}`, 'node_modules']),
  ),
  // … but the fault harness and the benchmarks, which are about the app.
  zone('packages/soak', '.', ['packages/soak', 'packages/testkit', 'src', 'node_modules']),
  zone('packages/bench', '.', [
    ...[
      'packages/bench',
      'packages/testkit',
      // What func-local exports: the built files.
      'packages/func-local/dist/worker-session.js',
      'src',
      'scripts/build.ts',
      'scripts/package.ts',
      'node_modules',
    ],
  ]),
  // Of func-local, its public entry alone.
  zone('scripts', '.', [
    ...['scripts', 'src', 'packages/testkit/src', 'packages/func-local/dist'],
    ...['package.json', 'node_modules'],
  ]),
  zone('test', '.', [
    'test',
    'src',
    'scripts',
    'packages/testkit',
    // Its library: a host in the test's process.
    'packages/func-local/dist/index.js',
    'packages/func-local/dist/index.d.ts',
    'packages/api-page/test/chromium.ts',
    'package.json',
    'host.json',
    'node_modules',
  ]),
]

function zone(target, from, except) {
  return { target, from, except, message: `${target} may import only from: ${except.join(', ')}.` }
}

/** Lints the scripts in a page as files of their own, each line where it is in the page. */
const pageScripts = {
  meta: { name: 'page-scripts' },
  preprocess: (page) =>
    [...page.matchAll(/<script[^>]*>(.*?)<\/script>/gs)].map((match, i) => ({
      text:
        page.slice(0, match.index).replaceAll(/[^\n]/g, ' ') + match[0].replaceAll(/<\/?script[^>]*>/g, ''),
      filename: `${i}.js`,
    })),
  postprocess: (messages) => messages.flat(),
}

export default tseslint.config(
  {
    ignores: [
      ...[
        '**/dist/',
        '.build/',
        'coverage/',
        'reports/',
        '.stryker-tmp*/',
        '**/test/fixtures/',
        '**/test/oracle/apps/',
      ],
    ],
  },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true },
    },
    rules: {
      // Numbers in messages (ports, counts) are what people read; everything else must be made a string on purpose.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // `Readonly` shapes are type aliases here as often as interfaces.
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      eqeqeq: 'error',
    },
  },
  {
    files: ['src/**'],
    rules: { 'no-console': 'error' },
  },
  {
    files: ['**/*.ts'],
    plugins: { 'import-x': importX },
    settings: {
      'import-x/resolver-next': [createNodeResolver({ conditionNames: ['node', 'import'] })],
    },
    // One list for all folders: of two blocks that match a file, the later one's rule replaces the earlier one's.
    rules: { 'import-x/no-restricted-paths': ['error', { basePath: import.meta.dirname, zones }] },
  },
  {
    // The service and the imports know nothing of Azure.
    files: ['src/orders/**', 'src/imports/**'],
    rules: { 'no-restricted-imports': ['error', { patterns: ['@azure/*'] }] },
  },
  {
    files: ['**/*.js', '**/*.mjs', '**/*.cjs'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { globals: { process: 'readonly', console: 'readonly' } },
  },
  {
    files: ['**/*.html'],
    processor: pageScripts,
  },
  {
    files: ['**/*.html/*.js'],
    languageOptions: {
      globals: Object.fromEntries(
        [
          ...['document', 'location', 'sessionStorage', 'performance', 'btoa', 'URL', 'Event'],
          ...['fetch', 'Request', 'Headers', 'FormData', 'File', 'Blob', 'AbortController'],
          ...['TextEncoder', 'TextDecoder'],
        ].map((name) => [name, 'readonly']),
      ),
    },
  },
)
