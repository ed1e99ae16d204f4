import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { DaybookError, errorCodes, type ErrorCode } from '@daybook/kernel/errors.ts';
import { cursors, pageOf } from './cursor.ts';
import { inputReader, knownFields, routeOf } from './input.ts';
import { noteCommands, noteQueries } from './notes.fixture.ts';
import { openApiDocument, openApiFragment, type OpenApiDocument } from './openapi.ts';
import { edgeProblems, ProblemError, problemOf, rejectionProblem } from './problems.ts';
import { trustedProxies } from './security.ts';

describe('problems', () => {
  test.each(Object.keys(errorCodes) as ErrorCode[])(
    'of the infrastructure error %s tell its meaning only',
    (code) => {
      const problem = problemOf(
        new DaybookError(code, 'planted text', { retry: 'later', fields: { stream: 'planted' } }),
      );
      expect(problem.status).toBeGreaterThanOrEqual(400);
      expect(problem.detail).toBe(errorCodes[code]);
      expect(JSON.stringify(problem)).not.toContain('planted');
      if (problem.status >= 502) expect(problem.headers).toHaveProperty('retry-after');
    },
  );

  test('of a conflicting revision name the current one', () => {
    const conflict = (retry: 'later' | 'never') =>
      problemOf(new DaybookError('revision-conflict', '', { retry, fields: { actual: 4, stream: 'a-b' } }));
    expect(conflict('later')).toMatchObject({
      status: 409,
      code: 'revision-conflict',
      about: { revision: 4 },
    });
    expect(conflict('never')).toMatchObject({
      status: 412,
      code: 'precondition-failed',
      about: { revision: 4 },
    });
  });

  test('of anything unknown are internal errors', () => {
    for (const thrown of [new TypeError('planted'), 'planted', null, undefined, { status: 418 }]) {
      expect(problemOf(thrown)).toEqual({
        status: 500,
        code: 'internal-error',
        detail: edgeProblems['internal-error'][1],
      });
    }
  });

  test('of refusals have the status of their definition', () => {
    const rejection = { code: 'product-unknown', detail: 'No.' };
    expect(rejectionProblem(rejection).status).toBe(409);
    expect(rejectionProblem(rejection, { 'product-unknown': 404 }).status).toBe(404);
    expect(rejectionProblem({ code: 'not-found', detail: 'No.' }).status).toBe(404);
    expect(rejectionProblem({ code: 'input-invalid', detail: 'No.' }).status).toBe(400);
  });

  test('never have status 422', () => {
    expect(Object.values(edgeProblems).map(([status]) => status)).not.toContain(422);
  });
});

describe('inputs', () => {
  test('of asynchronous schemas are waited for', async () => {
    const schema = z.strictObject({ a: z.string().refine((a) => Promise.resolve(a === 'x'), 'Is not x.') });
    const read = inputReader(schema, [], 'body');
    expect(await read({}, { a: 'x' })).toEqual({ a: 'x' });
    await expect(Promise.resolve(read({}, { a: 'y' }))).rejects.toMatchObject({
      problem: { errors: [{ field: 'a', message: 'Is not x.' }] },
    });
  });

  test('of open schemas refuse unknown fields all the same', () => {
    const read = inputReader(z.object({ a: z.string().optional() }), [], 'body');
    expect(() => read({}, { b: 1 })).toThrow(ProblemError);
  });

  test('of records and unions are left to their schemas', () => {
    expect(knownFields(z.record(z.string(), z.string()))).toBeNull();
    expect(
      knownFields(z.union([z.strictObject({ a: z.string() }), z.strictObject({ b: z.string() })])),
    ).toBeNull();
    expect(knownFields(z.looseObject({ a: z.string() }))).toBeNull();
  });

  test('have paths of their parameters', () => {
    expect(routeOf('/v1/a/{x}/b/{y}')).toEqual({ route: '/v1/a/:x/b/:y', parameters: ['x', 'y'] });
  });
});

describe('cursors', () => {
  const list = cursors(['products', 'name', { status: 'active' }], ['text', 'number', 'instant']);

  test('come back as they were written', () => {
    const key = ['Grüße', 7, '2026-01-01T00:00:00.000Z'];
    expect(list.read(list.write(key))).toEqual(key);
  });

  test.each([
    '',
    'x',
    '../..',
    'e30',
    Buffer.from('["other",1]').toString('base64url'),
    Buffer.from('[{"a":1}]').toString('base64url'),
    cursors(['products', 'price', { status: 'active' }], ['text']).write(['a']),
    'A'.repeat(5_000),
  ])('%.20s is refused', (cursor) => {
    expect(() => list.read(cursor)).toThrow(ProblemError);
  });

  test.each([
    [[]],
    [['x', 'y']],
    [['x', 1, '2026-01-01T00:00:00.000Z', 'more']],
    [['a\0b', 1, '2026-01-01T00:00:00.000Z']],
    [['\ud800', 1, '2026-01-01T00:00:00.000Z']],
    [['x', '1', '2026-01-01T00:00:00.000Z']],
    [['x', null, '2026-01-01T00:00:00.000Z']],
    [['x', 1, 'y']],
    [['x', 1, '2026-02-30T00:00:00.000Z']],
    [['x', 1, '0000-01-01T00:00:00.000Z']],
    [['x', 1, true]],
  ])('made up with the mark of the list and %j are refused', (key) => {
    expect(() => list.read(list.write(key))).toThrow(ProblemError);
  });

  test('lead from page to page to the end', () => {
    const rows = [1, 2, 3, 4, 5];
    const page = (after: number) =>
      pageOf(rows.filter((row) => row > after).slice(0, 3), 2, String, (row) => String(row));
    expect(page(0)).toEqual({ items: ['1', '2'], next: '2' });
    expect(page(2)).toEqual({ items: ['3', '4'], next: '4' });
    expect(page(4)).toEqual({ items: ['5'], next: null });
  });
});

test.each([
  [[], false],
  [['false'], false],
  [['2'], 2],
  [
    ['loopback', '10.0.0.0/8'],
    ['loopback', '10.0.0.0/8'],
  ],
])('TRUST_PROXY %j trusts %j', (items, expected) => {
  expect(trustedProxies(items)).toEqual(expected);
});

describe('the OpenAPI document', () => {
  const document = openApiDocument({ title: 'Notes', version: '1' }, [
    openApiFragment({ commands: noteCommands }),
    openApiFragment({ queries: noteQueries }),
  ]);

  test('has an operation for every definition with a path, and none that is internal', () => {
    const operations = Object.values(document.paths).flatMap((item) => Object.values(item));
    const ids = operations.map((operation) => (operation as { operationId: string }).operationId).sort();
    expect(ids).toEqual(['AddNote', 'ChangeNote', 'Knock', 'MakeKey', 'getNote', 'listNotes']);
  });

  test('says where each part of an input goes', () => {
    const change = document.paths['/v1/notes/{noteId}']?.['put'] as Operation;
    expect(change.parameters[0]).toMatchObject({
      name: 'noteId',
      in: 'path',
      required: true,
      schema: { type: 'string' },
    });
    expect(change.requestBody?.content['application/json'].schema).toMatchObject({
      required: ['text'],
      properties: { text: { type: 'string', maxLength: 200 } },
      additionalProperties: false,
    });
    const list = document.paths['/v1/notes']?.['get'] as Operation;
    expect(list.parameters[0]).toMatchObject({ name: 'limit', in: 'query', required: false });
    expect(list.responses['200']?.content).toHaveProperty('text/csv');
    expect(change.responses).toHaveProperty('404');
  });

  test('is well formed: references lead somewhere, path parameters are declared, ids are unique', () => {
    expect(faultsOf(document)).toEqual([]);
  });

  test('of two services that answer the same is refused', () => {
    const one = openApiFragment({ commands: noteCommands });
    expect(() => openApiDocument({ title: '', version: '' }, [one, one])).toThrow('Two services answer');
  });
});

type Operation = {
  operationId: string;
  parameters: { name?: string; in?: string; $ref?: string }[];
  requestBody?: { content: { 'application/json': { schema: unknown } } };
  responses: Record<string, { content?: object }>;
};

/** What the OpenAPI 3.1 specification forbids, as far as a document of ours could do it. */
function faultsOf(document: OpenApiDocument): string[] {
  const faults: string[] = [];
  const ids = new Set<string>();
  for (const [path, item] of Object.entries(document.paths)) {
    if (!path.startsWith('/')) faults.push(`${path} does not begin with /`);
    for (const [method, raw] of Object.entries(item)) {
      const operation = raw as Operation;
      if (!['get', 'post', 'put', 'patch', 'delete'].includes(method)) faults.push(`${path} has ${method}`);
      if (ids.has(operation.operationId)) faults.push(`${operation.operationId} stands twice`);
      ids.add(operation.operationId);
      const declared = operation.parameters.flatMap((each) => (each.in === 'path' ? [each.name] : []));
      if (declared.join() !== routeOf(path).parameters.join())
        faults.push(`${path} declares ${declared.join()}`);
      if (Object.keys(operation.responses).length === 0) faults.push(`${path} answers nothing`);
    }
  }
  for (const [, reference = ''] of JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    const target = reference
      .split('/')
      .reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], document);
    if (target === undefined) faults.push(`#/${reference} leads nowhere`);
  }
  return faults;
}
