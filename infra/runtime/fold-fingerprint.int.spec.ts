import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { foldFingerprints } from './fold-fingerprint.ts';

const service = resolve(import.meta.dirname, '../../command-service');
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'daybook-fold-'));
  await cp(service, folder, { recursive: true, filter: (path) => !path.includes('node_modules') });
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function change(file: string, from: string, to: string): Promise<void> {
  const text = await readFile(join(folder, file), 'utf8');
  expect(text).toContain(from);
  await writeFile(join(folder, file), text.replace(from, to));
}

test('each category of the service has one, the same for the same sources wherever they stand', async () => {
  const [here, copied] = [await foldFingerprints(service), await foldFingerprints(folder)];
  for (const category of ['product', 'marketSource', 'signup', 'emailAddress', 'plan']) {
    expect(here(category)).toMatch(/^[0-9a-f]{64}$/);
    expect(copied(category)).toBe(here(category));
  }
  expect(here('product')).not.toBe(here('signup'));
  expect(here('account')).toBeUndefined();
});

test('it changes with what the fold itself never shows: the body of a function that it calls', async () => {
  const before = await foldFingerprints(folder);
  await change(
    'market/product.ts',
    '[...recent, id].slice(-remembered)',
    '[...recent, id].slice(-remembered - 1)',
  );
  const after = await foldFingerprints(folder);
  expect(after('product')).not.toBe(before('product'));
  expect(after('signup')).toBe(before('signup'));
});

test('it changes with a file beside the capabilities, and not with a spec', async () => {
  const before = await foldFingerprints(folder);
  await writeFile(join(folder, 'market/product.specs.ts'), '// Other examples.');
  await writeFile(join(folder, 'market/product.unit.spec.ts'), '// Another test.');
  expect((await foldFingerprints(folder))('product')).toBe(before('product'));
  await writeFile(join(folder, 'shared-rules.ts'), 'export const most = 3;');
  expect((await foldFingerprints(folder))('product')).not.toBe(before('product'));
});

test('a service without a capability has no fingerprints of its streams', async () => {
  await rm(join(folder, 'market'), { recursive: true });
  const fingerprintOf = await foldFingerprints(folder);
  expect(fingerprintOf('product')).toBeUndefined();
  expect(fingerprintOf('signup')).toBeDefined();
});
