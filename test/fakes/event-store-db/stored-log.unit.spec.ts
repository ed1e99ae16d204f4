import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { storedLog, type ProposedEvent, type StoredLog, type Verdict } from './stored-log.ts';

function proposed(id: string = randomUUID(), data: object = {}, type = 'Happened'): ProposedEvent {
  return { id, type, isJson: true, data: Buffer.from(JSON.stringify(data)), metadata: Buffer.from('') };
}

const some = (count: number): ProposedEvent[] => Array.from({ length: count }, () => proposed());

/** A log whose stream `a` holds these. */
function holding(events: readonly ProposedEvent[]): StoredLog {
  const log = storedLog();
  log.append('a', 'no-stream', events);
  return log;
}

function setMetadata(log: StoredLog, metadata: object): void {
  log.append('$$a', 'any', [proposed(undefined, metadata, '$metadata')]);
}

const revisions = (log: StoredLog): unknown => {
  const events = log.read('a');
  return Array.isArray(events) ? events.map(({ revision }: { revision: number }) => revision) : events;
};

const wrong = (current: number): Verdict => ({ kind: 'wrong-expected-version', current });

test('a repeat at its expected place is one for ever; with other events behind it, it is a wrong expectation', () => {
  const [first, second] = some(2) as [ProposedEvent, ProposedEvent];
  const log = holding([first, second]);
  log.append('a', 1, some(1));
  expect(log.append('a', 'no-stream', [first])).toMatchObject({ kind: 'repeat', revision: 0 });
  expect(log.append('a', 0, [second])).toMatchObject({ kind: 'repeat', revision: 1 });
  expect(log.append('a', 'no-stream', [first, proposed()])).toEqual(wrong(2));
  expect(log.append('a', 1, [second])).toEqual(wrong(2));
  expect(log.append('a', 7, [second])).toEqual(wrong(2));
});

test('without a place a repeat is one for as long as the id is remembered: 8 MiB of ids', () => {
  const first = proposed();
  const log = holding([first]);
  expect(log.append('a', 'any', [first])).toMatchObject({ kind: 'repeat', revision: 0 });
  log.append('thing-00000000-0000-0000-0000-000000000000', 'any', some(60_000));
  expect(log.append('a', 'any', [first])).toMatchObject({ kind: 'written', revision: 1 });
});

test('a stream that has metadata alone is there for whoever expects that, and yields nothing', () => {
  const log = storedLog();
  expect(log.append('a', 'stream-exists', some(1))).toEqual(wrong(-1));
  setMetadata(log, { $maxCount: 5 });
  expect(log.read('a')).toBeUndefined();
  expect(log.append('a', 'stream-exists', some(1))).toMatchObject({ kind: 'written', revision: 0 });
});

test('metadata of a stream bounds what reads yield, and nothing of what is expected', () => {
  const log = holding(some(5));
  setMetadata(log, { $tb: 2 });
  expect(revisions(log)).toEqual([2, 3, 4]);
  setMetadata(log, { $maxCount: 2 });
  expect(revisions(log)).toEqual([3, 4]);
  setMetadata(log, { $maxAge: -1 });
  expect(revisions(log)).toEqual([]);
  expect(log.append('a', 4, some(1))).toMatchObject({ kind: 'written', revision: 5 });
});

test('a deleted stream goes on behind what was deleted, and says so in its metadata', () => {
  const events = some(2);
  const log = holding(events);
  setMetadata(log, { note: 'kept' });
  expect(log.remove('a', 0, 'soft')).toEqual(wrong(1));
  expect(log.remove('a', 1, 'soft')).toMatchObject({ kind: 'written' });
  expect(log.read('a')).toBeUndefined();
  expect(log.append('a', 'stream-exists', some(1))).toEqual({ kind: 'stream-deleted' });
  // What was deleted is a repeat as before, though nobody can read it.
  expect(log.append('a', 'no-stream', events)).toEqual({ kind: 'repeat', revision: 1, position: undefined });
  expect(log.append('a', 'no-stream', some(1))).toMatchObject({ kind: 'written', revision: 2 });
  expect(revisions(log)).toEqual([2]);
  const last = log.all().at(-1);
  expect(last).toMatchObject({ stream: '$$a', type: '$metadata', revision: 2 });
  expect(JSON.parse(String(last?.data))).toEqual({ $tb: 2 });
});

test('metadata that is set for a deleted stream brings it back, with nothing in it', () => {
  const log = holding(some(2));
  log.remove('a', 'any', 'soft');
  setMetadata(log, { note: 'new' });
  expect(revisions(log)).toEqual([]);
  expect(JSON.parse(String(log.all().at(-1)?.data))).toEqual({ note: 'new', $tb: 2 });
});

test('what never was cannot be deleted, unless for good; what was deleted for good takes nothing more', () => {
  const log = storedLog();
  let writes = 0;
  log.onWrite(() => (writes += 1));
  expect(log.remove('a', 'any', 'soft')).toEqual(wrong(-1));
  expect(log.remove('a', 'any', 'hard')).toMatchObject({ kind: 'written' });
  expect(writes).toBe(1);
  expect(log.read('a')).toBe('tombstoned');
  expect(log.all()).toMatchObject([{ stream: 'a', type: '$streamDeleted' }]);
  for (const expected of ['any', 'no-stream', 'stream-exists', 0] as const) {
    expect(log.append('a', expected, some(1))).toEqual({ kind: 'stream-deleted' });
    expect(log.remove('a', expected, 'soft')).toEqual({ kind: 'stream-deleted' });
  }
});
