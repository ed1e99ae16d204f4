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
  coveragePathIgnorePatterns: [
    ...['/node_modules/', '/test/', '\\.(spec|specs|fixture|generated)\\.ts$'],
    // librdkafka is a binary that few machines have.
    '/infra/topics/(install-native|rdkafka-[^/]*)\\.ts$',
    // Commands are tried as processes of their own, in which nothing is counted.
    '/cli/commands/',
  ],
  ...more,
});

export default {
  projects: [project('unit'), project('int'), project('e2e'), project('faults'), project('engines')],
  testTimeout: 30_000,
  // What no test loads counts as well, in one of several rounds of a run: see test/run.ts, and test/coverage.ts for what is
  // made of it.
  ...(process.env['COVERAGE_OF_LOADED'] === undefined && {
    collectCoverageFrom: [
      '{kernel,schemas,infra,command-service,projectors,query-service,sagas,scrapers,cli}/**/*.ts',
    ],
  }),
  coverageProvider: 'babel',
  coverageReporters: ['json'],
};
