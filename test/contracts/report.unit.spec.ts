import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { format } from 'prettier';
import { without } from './contract.ts';
import { contractsPage } from './report.ts';
import { suites } from './suites.ts';

const page = join(import.meta.dirname, '../../docs/reference/contracts.md');

describe('contract suites', () => {
  test.each(suites)('$port: clauses have one name each, and broken adapters name clauses', (suite) => {
    const names = suite.clauses.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(suite.broken.filter(({ clause }) => !names.includes(clause))).toEqual([]);
  });

  test('an adapter goes without clauses that there are', () => {
    for (const { clauses, adapters } of suites) {
      const names = adapters.flatMap(({ without }) => without?.clauses ?? []);
      expect(names.filter((name) => !clauses.some((clause) => clause.name === name))).toEqual([]);
    }
    expect(() => without([], ['gone'])).toThrow('There is no clause gone.');
  });

  test('at least twelve broken event stores and topics are caught', () => {
    for (const port of ['event store', 'topics']) {
      expect(suites.find((suite) => suite.port === port)?.broken.length).toBeGreaterThanOrEqual(12);
    }
  });

  test('docs/reference/contracts.md says what is so; `npm run generate` writes it', async () => {
    const text = await format(contractsPage(suites), { parser: 'markdown', printWidth: 120 });
    if (process.env['WRITE_PAGES'] === '1') writeFileSync(page, text);
    expect(readFileSync(page, 'utf8')).toBe(text);
  });
});
