/** Who may import whom. Each rule's comment says why; `test/architecture` plants a violation of each. */
const services = ['command-service', 'projectors', 'query-service', 'sagas', 'scrapers'];
const drivers = '(^|/)node_modules/(pg|pg-copy-streams|knex|kafkajs|node-rdkafka|@eventstore)(/|$)';
const specs = '\\.(spec|fixture)\\.ts$';
/** The pure files of a capability: everything that is no list of commands (`…commands.ts`), no effect handler, no spec. */
const pure =
  '^(command-service|projectors|sagas)/[^/]+/(?![^/]*commands\\.ts|effects\\.ts)[^/]+(?<!\\.spec)\\.ts$';

module.exports = {
  forbidden: [
    {
      name: 'kernel-stands-alone',
      comment:
        'The kernel is the vocabulary of everybody: it imports nothing but itself, no package, no Node built-in.',
      severity: 'error',
      from: { path: '^kernel/', pathNot: specs },
      to: { pathNot: '^kernel/' },
    },
    {
      name: 'schemas-know-only-the-kernel',
      comment: 'Contracts outlive the services and machinery that use them.',
      severity: 'error',
      from: { path: '^schemas/', pathNot: specs },
      to: { path: `^(infra|cli|test|${services.join('|')})/` },
    },
    {
      name: 'infra-knows-no-service',
      comment: 'Machinery serves every capability; if it needs one, a port is missing.',
      severity: 'error',
      from: { path: '^infra/', pathNot: specs },
      to: { path: `^(cli|${services.join('|')})/` },
    },
    ...services.map((service) => ({
      name: `${service}-knows-no-other-service`,
      comment: 'Services meet in events, topics and HTTP, so that each can be deployed alone.',
      severity: 'error',
      from: { path: `^${service}/`, pathNot: specs },
      to: { path: `^(cli|${services.filter((other) => other !== service).join('|')})/` },
    })),
    {
      name: 'capabilities-keep-their-insides',
      comment:
        'A capability speaks to another through its events in schemas/, never through its code. What scrapers read and crawl with belongs to no capability.',
      severity: 'error',
      from: { path: `^(${services.join('|')})/([^/]+)/`, pathNot: specs },
      to: {
        path: `^(${services.join('|')})/[^/]+/`,
        pathNot: ['^$1/($2|shared)/', '^scrapers/(crawling|extraction|money|politeness)/'],
      },
    },
    {
      name: 'pure-files-import-no-machinery',
      comment:
        'Deciders, projections and processes are functions of their arguments: they run in specs, replays and backtests.',
      severity: 'error',
      from: { path: pure },
      to: { path: ['^infra/', '(^|/)node_modules/'] },
    },
    {
      name: 'pure-files-import-no-builtin',
      comment:
        'Deciders, projections and processes are functions of their arguments: they run in specs, replays and backtests.',
      severity: 'error',
      from: { path: pure },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'drivers-only-in-infra',
      comment: 'Which engine stands behind a port is known in one place.',
      severity: 'error',
      from: { path: `^(kernel|schemas|cli|${services.join('|')})/`, pathNot: specs },
      to: { path: drivers },
    },
    {
      name: 'production-imports-no-test',
      comment: 'What proves must not hold up.',
      severity: 'error',
      from: {
        path: `^(kernel|schemas|infra|cli|${services.join('|')})/`,
        pathNot: [specs, '\\.specs\\.ts$'],
      },
      to: { path: '^test/' },
    },
    {
      name: 'no-circle',
      comment: 'Files that import each other in a circle can only be understood together.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'declared-dependencies-only',
      comment: 'A package imports what its own package.json lists.',
      severity: 'error',
      from: {
        path: `^(kernel|schemas|infra|cli|test|${services.join('|')})/`,
        pathNot: [specs, '^test/contracts/', '^test/support/'],
      },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: ['\\.generated\\.ts$', '^test/load/peers'] },
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
      extensions: ['.ts', '.js', '.cjs', '.json'],
    },
  },
};
