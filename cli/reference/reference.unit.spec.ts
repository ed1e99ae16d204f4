import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { openApiDocument, openApiFragment } from '@daybook/infra/http/openapi.ts';
import { problemOf, rejectionProblem } from '@daybook/infra/http/problems.ts';
import { DaybookError, errorCodes, type ErrorCode } from '@daybook/kernel/errors.ts';
import { allDefinitions } from './definitions.ts';
import { referencePages } from './outputs.ts';

test.each([...referencePages()])('%s is what the code says (npm run generate)', (path, text) => {
  expect(readFileSync(join(import.meta.dirname, '../..', path), 'utf8')).toBe(text);
});

test('the page of errors has the statuses that are answered', () => {
  const page = referencePages().get('docs/reference/errors.md');
  for (const code of Object.keys(errorCodes) as ErrorCode[]) {
    const { status } = problemOf(new DaybookError(code, '', { retry: 'later' }));
    expect(page).toContain(`| \`${code}\` | ${String(status)} | ${errorCodes[code]} |`);
  }
  for (const code of ['not-found', 'input-invalid']) {
    const { status } = rejectionProblem({ code, detail: '' });
    expect(page).toContain(`| \`${code}\` | ${String(status)} | any |`);
  }
});

test('every operation may answer 504', () => {
  const { paths } = openApiDocument({ title: '', version: '' }, [openApiFragment(allDefinitions())]);
  for (const item of Object.values(paths))
    for (const operation of Object.values(item)) expect(operation).toHaveProperty(['responses', '504']);
});

test('every projection that is read exists, and names are used once', () => {
  const { commands, queries, streams, projections, processes } = allDefinitions();
  const names = projections.map(({ name }) => name);
  for (const { reads } of queries) expect(names).toEqual(expect.arrayContaining([...reads]));
  for (const list of [commands, [...queries, ...streams], projections, processes]) {
    const used = list.map(({ name }) => name);
    expect(used).toEqual([...new Set(used)]);
  }
});
