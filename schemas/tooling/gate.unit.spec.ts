import { describe, expect, test } from '@jest/globals';

import type { FieldSchema, RecordSchema } from '../avro-schema.ts';
import { fingerprint } from '../fingerprint.ts';
import { staleFiles } from './gate.ts';
import { inlined } from './inline.ts';
import { extendLock, lockProblems, lockText } from './lock.ts';
import {
  annotationProblems,
  compatibilityProblems,
  nameProblems,
  topicProblems,
  upcasterProblems,
} from './rules.ts';
import type { Source } from './sources.ts';

const id: FieldSchema = { name: 'id', type: 'string', doc: 'The payment; uuid.' };
const amount: FieldSchema = { name: 'amountMinor', type: 'long', doc: 'In minor units.' };
const note: FieldSchema = { name: 'note', type: 'string', doc: 'A note.', default: '' };

function source(
  version: number,
  fields: readonly FieldSchema[],
  more: Partial<RecordSchema> = {},
): Source<RecordSchema> {
  const schema: RecordSchema = {
    type: 'record',
    name: 'Paid',
    namespace: 'daybook.payments',
    stream: 'payment',
    doc: 'A payment came in.',
    ...more,
    fields,
  };
  const { name } = schema;
  return { file: `payments/${name}.v${String(version)}.avsc`, folder: 'payments', name, version, schema };
}

const annotations = (...records: Source<RecordSchema>[]): readonly string[] =>
  annotationProblems({ types: [], records }, records);

const paid1 = source(1, [id, amount]);

describe('the lock', () => {
  const lock = extendLock({}, [paid1]);

  test('is content with what was released', () => {
    expect(lockProblems(lock, [paid1])).toEqual([]);
  });

  test.each([
    ['a field', source(1, [id])],
    ['the order of fields', source(1, [amount, id])],
    ['a type', source(1, [id, { ...amount, type: 'int' }])],
    ['a default', source(1, [id, { ...amount, default: 0 }])],
    ['a seal', source(1, [{ ...id, sealed: 'tenant' }, amount])],
    ['a stream', source(1, [id, amount], { stream: 'bill' })],
  ])('refuses a change of %s', (_, changed) => {
    expect(lockProblems(lock, [changed])).toEqual([
      'schemas/payments/Paid.v1.avsc was released and has changed: undo that, and write Paid.v2.avsc instead.',
    ]);
  });

  test('lets explanations be bettered', () => {
    const explained = source(1, [{ ...id, doc: 'Which payment; uuid.' }, amount], { doc: 'Money came in.' });
    expect(lockProblems(lock, [explained])).toEqual([]);
  });

  test('misses what was released and is gone', () => {
    expect(lockProblems(lock, [])).toEqual([
      'daybook.payments.Paid version 1 was released and is gone: restore its .avsc file.',
    ]);
  });

  test('asks for the release of what is not in it', () => {
    expect(lockProblems(lock, [paid1, source(2, [id, amount, note])])).toEqual([
      'schemas/payments/Paid.v2.avsc is not released: run "node schemas/tooling/release.ts" once it is as it shall stay.',
    ]);
  });

  test('never takes another fingerprint for a released version', () => {
    const extended = extendLock(lock, [source(1, [id]), source(2, [id])]);
    expect(extended['daybook.payments.Paid']?.['1']).toBe(fingerprint(paid1.schema));
    expect(extended['daybook.payments.Paid']?.['2']).toBe(fingerprint(source(2, [id]).schema));
  });

  test('is written in one order', () => {
    expect(lockText({ b: { 1: 'x' }, a: { 1: 'y' } })).toBe(lockText({ a: { 1: 'y' }, b: { 1: 'x' } }));
  });
});

describe('compatibility', () => {
  test.each([
    ['an added field with a default', source(2, [id, amount, note])],
    ['a field taken away', source(2, [id])],
    ['a field that may be null from here on', source(2, [id, { ...amount, type: ['null', 'long'] }])],
  ])('takes %s', (_, paid2) => {
    expect(compatibilityProblems([paid1, paid2])).toEqual([]);
  });

  test.each([
    ['an added field without a default', source(2, [id, amount, { name: 'note', type: 'string' }])],
    ['another type', source(2, [id, { ...amount, type: 'string' }])],
    ['a narrower type', source(2, [id, { ...amount, type: 'int' }])],
    ['another namespace', source(2, [id, amount], { name: 'Received' })],
  ])('refuses %s', (_, changed) => {
    const [problem, ...others] = compatibilityProblems([paid1, { ...changed, name: 'Paid' }]);
    expect(problem).toMatch(/v2\.avsc cannot read what version 1 wrote \(.+\): give added fields a default/);
    expect(others).toEqual([]);
  });

  test('is asked of every earlier version, not only of the last', () => {
    const retyped = source(3, [id, { name: 'amountMinor', type: 'string', doc: 'x', default: '' }]);
    expect(compatibilityProblems([paid1, source(2, [id]), retyped])).toEqual([
      expect.stringContaining('cannot read what version 1 wrote'),
    ]);
  });

  test('asks for versions without gaps', () => {
    expect(compatibilityProblems([paid1, source(3, [id, amount])])).toEqual([
      expect.stringContaining('there is no Paid.v2.avsc'),
    ]);
  });
});

describe('annotations', () => {
  test('are complete', () => {
    expect(annotations(paid1)).toEqual([]);
  });

  const inner: RecordSchema = {
    type: 'record',
    name: 'Payer',
    fields: [{ name: 'name', type: 'string', sealed: 'tenant' }],
  };

  test.each([
    ['a record without doc', source(1, [id], { doc: '' }), 'Paid has no doc'],
    ['a field without doc', source(1, [{ name: 'id', type: 'string' }]), 'Paid.id has no doc'],
    ['a nested field without doc', source(1, [{ ...id, type: inner }]), 'Paid.id.name has no doc'],
    ['neither stream nor topic', noPlace(), '"stream" (an event) or "topic" (a message)'],
    ['both stream and topic', source(1, [id], { topic: 't' }), '"stream" (an event) or "topic" (a message)'],
    [
      'a sealed number',
      source(1, [{ ...amount, sealed: 'tenant' }]),
      'amountMinor is sealed; make it a string',
    ],
    [
      'a seal without a subject',
      source(1, [{ ...id, sealed: 'subject' }]),
      `name the string field that holds the person's id`,
    ],
    [
      'a subject that is no field',
      source(1, [{ ...id, sealed: 'subject' }], { subject: 'who' }),
      `name the string field`,
    ],
    ['a seal inside', source(1, [{ ...id, type: inner }]), 'id.name is sealed inside of another field'],
  ])('refuse %s', (_, record, sentence) => {
    expect(annotations(record)).toContainEqual(expect.stringContaining(sentence));
  });

  function noPlace(): Source<RecordSchema> {
    const record = source(1, [id]);
    const { stream: _, ...schema } = record.schema;
    return { ...record, schema };
  }

  test('refuse a seal that comes or goes with a version', () => {
    const sealed = source(2, [{ ...id, sealed: 'tenant' }, amount]);
    expect(annotations(paid1, sealed)).toEqual([
      expect.stringContaining('id is sealed otherwise in version 1'),
    ]);
  });
});

describe('upcasters', () => {
  const both = [paid1, source(2, [id])];

  test('lead from every version but the current', () => {
    expect(upcasterProblems(both, { Paid: { 1: (data) => data } })).toEqual([]);
    expect(upcasterProblems(both, {})).toEqual([expect.stringContaining('no upcaster from Paid 1')]);
  });

  test('do not lead nowhere', () => {
    expect(upcasterProblems(both, { Paid: { 1: (data) => data, 2: (data) => data } })).toEqual([
      expect.stringContaining('The upcaster from Paid 2 leads nowhere'),
    ]);
  });
});

describe('topics and names', () => {
  const message = source(1, [id], { topic: 'daybook.payments.v1' });
  const topic = { name: 'daybook.payments.v1', doc: '', key: '', partitions: 1, messages: ['Paid'] };

  test('agree', () => {
    expect(topicProblems([message], [topic])).toEqual([]);
    expect(topicProblems([message], [])).toEqual([expect.stringContaining('list it in schemas/topics.ts')]);
    expect(topicProblems([paid1], [topic])).toEqual([expect.stringContaining('annotate the message')]);
  });

  test('are unique over capabilities', () => {
    expect(nameProblems([{ ...paid1, folder: 'billing' }, paid1])).toEqual([
      'schemas/payments/Paid.v1.avsc: another capability has Paid; choose another name.',
    ]);
  });
});

describe('generated files', () => {
  test('that differ from what is checked in are named', () => {
    const files = new Map([
      ['same.ts', 'a'],
      ['old.ts', 'b'],
      ['missing.ts', 'c'],
    ]);
    const checkedIn: Record<string, string> = { 'same.ts': 'a', 'old.ts': 'x' };
    expect(staleFiles(files, (path) => checkedIn[path] ?? null)).toEqual([
      'old.ts is not what the schemas generate: run "npm run generate" and commit it.',
      'missing.ts is not what the schemas generate: run "npm run generate" and commit it.',
    ]);
  });
});

describe('shared types', () => {
  const money: Source = {
    file: 'types/Money.v1.avsc',
    folder: 'types',
    name: 'Money',
    version: 1,
    schema: { type: 'record', name: 'Money', namespace: 'daybook.types', doc: 'Money.', fields: [amount] },
  };
  const field = (name: string, type: string): FieldSchema => ({ name, type, doc: name });

  test('are spelled out where they first stand and named after that', () => {
    const [whole] = inlined({
      types: [money],
      records: [source(1, [field('net', 'Money.v1'), field('gross', 'Money.v1')])],
    });
    expect(whole?.schema.fields.map(({ type }) => type)).toEqual([money.schema, 'daybook.types.Money']);
  });

  test('in two versions at once are refused', () => {
    const newer = { ...money, file: 'types/Money.v2.avsc', version: 2 };
    const record = source(1, [field('net', 'Money.v1'), field('gross', 'Money.v2')]);
    expect(() => inlined({ types: [money, newer], records: [record] })).toThrow(
      'schemas/payments/Paid.v1.avsc: uses daybook.types.Money as Money.v1 and as Money.v2; use one.',
    );
  });

  test('that nobody wrote are refused', () => {
    expect(() => inlined({ types: [], records: [source(1, [field('net', 'Money.v1')])] })).toThrow(
      'schemas/payments/Paid.v1.avsc: unknown type Money.v1; write schemas/types/Money.v1.avsc',
    );
  });
});
