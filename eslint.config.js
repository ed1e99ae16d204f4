import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** Pure files: rules and folds over plain data. Time, ids, randomness and I/O reach them as arguments only. */
const pureFiles = ['kernel/**/*.ts', 'command-service/*/*.ts', 'projectors/*/*.ts', 'sagas/*/*.ts'];
const impureInCapabilities = ['**/commands.ts', '**/effects.ts', '**/*.spec.ts'];

const ambient = [
  'Date',
  'crypto',
  'fetch',
  'process',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'performance',
];

export default defineConfig(
  {
    ignores: ['**/node_modules', '**/*.generated.ts', 'coverage', '.daybook', 'test/load/peers', 'docs'],
  },
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['*.js', '*.cjs'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/consistent-type-definitions': 'off',
      'max-lines': ['error', 400],
      complexity: ['error', { max: 12, variant: 'modified' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-console': 'error',
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true } }],
      'no-restricted-syntax': [
        'error',
        {
          selector: 'ExportAllDeclaration',
          message: 'Name what is exported: barrels hide where things live.',
        },
      ],
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Configuration is read once, in infra/config.' },
      ],
    },
  },
  {
    files: pureFiles,
    ignores: impureInCapabilities,
    rules: {
      'no-restricted-globals': [
        'error',
        ...ambient.map((name) => ({
          name,
          message: 'Pure code gets time, ids and randomness as arguments.',
        })),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Pure code gets randomness as an argument.' },
      ],
    },
  },
  {
    files: ['**/*.spec.ts', 'test/**/*.ts', '*.js', 'infra/config/**/*.ts', 'cli/**/*.ts'],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    files: ['**/*.spec.ts', 'test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/explicit-module-boundary-types': 'off',
      complexity: 'off',
    },
  },
  { files: ['infra/*/memory*.ts'], rules: { '@typescript-eslint/require-await': 'off' } },
  {
    files: ['*.js', '*.cjs'],
    extends: [tseslint.configs.disableTypeChecked],
    rules: { 'no-restricted-exports': 'off' },
  },
);
