import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

const root = resolve(import.meta.dirname, '../..');
const configFile = join(root, '.dependency-cruiser.cjs');
const { forbidden } = createRequire(import.meta.url)(configFile) as {
  forbidden: readonly { name: string; comment?: string }[];
};

/** rule, file that breaks it, what it imports. */
const planted: readonly (readonly [string, string, string])[] = [
  ['kernel-stands-alone', 'kernel/infra.ts', '../infra/thing.ts'],
  ['kernel-stands-alone', 'kernel/builtin.ts', 'node:fs'],
  ['kernel-stands-alone', 'kernel/package.ts', 'zod'],
  ['schemas-know-only-the-kernel', 'schemas/infra.ts', '../infra/thing.ts'],
  ['schemas-know-only-the-kernel', 'schemas/service.ts', '../sagas/market/rule.ts'],
  ['infra-knows-no-service', 'infra/service.ts', '../projectors/market/rule.ts'],
  ['infra-knows-no-service', 'infra/cli.ts', '../cli/thing.ts'],
  ['command-service-knows-no-other-service', 'command-service/main.ts', '../sagas/market/rule.ts'],
  ['projectors-knows-no-other-service', 'projectors/main.ts', '../query-service/market/rule.ts'],
  ['query-service-knows-no-other-service', 'query-service/main.ts', '../projectors/market/rule.ts'],
  ['sagas-knows-no-other-service', 'sagas/main.ts', '../command-service/market/rule.ts'],
  ['scrapers-knows-no-other-service', 'scrapers/main.ts', '../sagas/market/rule.ts'],
  ['capabilities-keep-their-insides', 'query-service/identity/queries.ts', '../market/rule.ts'],
  ['capabilities-keep-their-insides', 'command-service/identity/commands.ts', '../market/rule.ts'],
  ['pure-files-import-no-machinery', 'command-service/market/infra.ts', '../../infra/thing.ts'],
  ['pure-files-import-no-machinery', 'projectors/market/package.ts', 'zod'],
  ['pure-files-import-no-builtin', 'sagas/market/builtin.ts', 'node:crypto'],
  ['drivers-only-in-infra', 'query-service/driver.ts', 'pg'],
  ['drivers-only-in-infra', 'cli/driver.ts', 'knex'],
  ['production-imports-no-test', 'infra/test.ts', '../test/thing.ts'],
  ['production-imports-no-test', 'cli/test.ts', '../test/thing.ts'],
  ['no-circle', 'infra/circle-a.ts', './circle-b.ts'],
  ['declared-dependencies-only', 'infra/undeclared.ts', 'zod'],
];

/** What may be imported, so that the rules above do not hold by forbidding everything. */
const allowed: readonly (readonly [string, string])[] = [
  ['schemas/kernel.ts', '../kernel/thing.ts'],
  ['infra/schemas.ts', '../schemas/thing.ts'],
  ['sagas/market/effects.ts', '../../infra/thing.ts'],
  ['command-service/market/schemas.ts', '../../schemas/thing.ts'],
  ['cli/service.ts', '../sagas/main.ts'],
];

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'daybook-boundaries-'));
  const write = (file: string, text: string): void => {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  };
  const packages = ['kernel', 'schemas', 'infra', 'cli', 'test'];
  for (const name of packages) write(`${name}/thing.ts`, 'export const thing = 1;\n');
  for (const service of ['command-service', 'projectors', 'query-service', 'sagas', 'scrapers']) {
    write(`${service}/market/rule.ts`, 'export const rule = 1;\n');
    write(`${service}/package.json`, '{"dependencies":{"zod":"*","pg":"*"}}');
  }
  write('package.json', '{}');
  write('infra/package.json', '{"dependencies":{}}');
  write('cli/package.json', '{"dependencies":{"knex":"*"}}');
  write('kernel/package.json', '{"dependencies":{"zod":"*"}}');
  write('infra/circle-b.ts', `import './circle-a.ts';\n`);
  for (const [, file, imported] of planted) write(file, `import '${imported}';\n`);
  for (const [file, imported] of allowed) write(file, `import '${imported}';\n`);
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

type Report = { summary: { violations: { rule: { name: string }; from: string }[] } };

test('every boundary has a reason and catches the violation planted for it, and no allowed import', async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      join(root, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs'),
      ...['--config', configFile, '--output-type', 'json', '--no-cache', '.'],
    ],
    { cwd: folder, maxBuffer: 100_000_000 },
  ).catch((error: unknown) => error as { stdout: string });
  const { violations } = (JSON.parse(stdout) as Report).summary;
  const caught = violations.map(({ rule, from }) => `${rule.name} ${from}`);
  expect(caught).toEqual(expect.arrayContaining(planted.map(([rule, file]) => `${rule} ${file}`)));
  for (const [file] of allowed) expect(violations.map(({ from }) => from)).not.toContain(file);
  const plantedRules = new Set(planted.map(([rule]) => rule));
  for (const { name, comment } of forbidden) {
    expect([name, plantedRules.has(name), (comment ?? '').length > 20]).toEqual([name, true, true]);
  }
}, 60_000);
