import js from '@eslint/js'
import tseslint from 'typescript-eslint'

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
    ignores: ['**/dist/', 'coverage/', 'reports/', '.stryker-tmp*/', '**/test/fixtures/'],
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
    rules: {
      'no-console': 'error',
      // Data flows one way (docs: README, "The flow"): the app knows nothing of what stands around it.
      'no-restricted-imports': [
        'error',
        { patterns: ['**/packages/**', '**/scripts/**', '**/bench/**', '**/test/**'] },
      ],
    },
  },
  {
    files: ['src/service.ts'],
    rules: {
      'no-restricted-imports': ['error', { patterns: ['@azure/*'] }],
    },
  },
  // A package knows nothing of the app, which is two or more levels above its files; its own src/ is at most two above its tests.
  {
    files: ['packages/**'],
    rules: {
      'no-restricted-imports': ['error', { patterns: ['**/../../src/**', '**/scripts/**'] }],
    },
  },
  {
    files: ['packages/*/test/*/**'],
    rules: {
      'no-restricted-imports': ['error', { patterns: ['**/../../../src/**', '**/scripts/**'] }],
    },
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
          ...['document', 'location', 'sessionStorage', 'fetch', 'performance'],
          ...['URL', 'URLSearchParams', 'Event'],
        ].map((name) => [name, 'readonly']),
      ),
    },
  },
)
