/** One project a tier; the tier stands in the file name. */
const project = (tier, more = {}) => ({
  displayName: tier,
  rootDir: import.meta.dirname,
  testMatch: [`<rootDir>/**/*.${tier}.spec.ts`],
  testPathIgnorePatterns: ['/node_modules/'],
  modulePathIgnorePatterns: ['<rootDir>/test/load/peers', '<rootDir>/.daybook'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '\\.ts$': ['@swc/jest', { jsc: { target: 'es2024', parser: { syntax: 'typescript' } } }],
  },
  coveragePathIgnorePatterns: ['/node_modules/', '/test/', '\\.generated\\.ts$', '\\.specs\\.ts$'],
  ...more,
});

export default {
  projects: [project('unit'), project('int'), project('e2e'), project('faults'), project('engines')],
  testTimeout: 30_000,
  collectCoverageFrom: [
    '{kernel,schemas,infra,command-service,projectors,query-service,sagas,scrapers,cli}/**/*.ts',
    '!**/*.{spec,specs,fixture,generated}.ts',
    // Coverage is that of units and integrations: adapters of real engines are tried in their own tier, commands as processes.
    '!infra/topics/{kafka,rdkafka}*.ts',
    '!infra/topics/{install-native,known-ends,move-topics}.ts',
    '!infra/registry/{confluent,refused-subjects,registry-client,registry-probe}.ts',
    '!cli/commands/*.ts',
  ],
  coverageThreshold: {
    global: { lines: 80, branches: 80 },
    './kernel/': { lines: 95, branches: 95 },
  },
  coverageProvider: 'babel',
  coverageReporters: ['text-summary', 'json-summary', 'lcovonly'],
};
