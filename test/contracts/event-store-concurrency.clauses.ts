import assert from 'node:assert/strict';
import { isDaybookError } from '@daybook/kernel/errors.ts';
import type { RecordedEvent, StreamName } from '@daybook/kernel/event.ts';
import type { Appended } from '@daybook/kernel/ports/event-store.ts';
import { eventually } from '../support/eventually.ts';
import type { Clause } from './contract.ts';
import { follow } from './event-store-read.clauses.ts';
import {
  assertWholeLog,
  collect,
  conflictOf,
  ids,
  makeEvents,
  newStream,
  pick,
  type EventStoreSubject,
} from './event-store.subject.ts';

/** What holds while several write and read at once. */
export const concurrencyClauses: readonly Clause<EventStoreSubject>[] = [
  {
    name: 'one-winner',
    sentence: 'of concurrent appends at the same expected revision exactly one wins, over several stores too',
    run: async ({ store, another }) => {
      const stores = [store, another()];
      const stream = newStream();
      for (const expected of ['no-stream', 0, 1] as const) {
        const outcomes = await Promise.allSettled(
          Array.from({ length: 20 }, (_, n) => pick(stores, n).append(stream, expected, makeEvents(1, n))),
        );
        const lost = outcomes.filter((outcome) => outcome.status === 'rejected');
        assert.equal(lost.length, 19);
        assert.ok(lost.every(({ reason }) => isDaybookError(reason, 'revision-conflict')));
      }
      assert.equal((await collect(store.read(stream))).length, 3);
    },
  },
  {
    name: 'concurrent-any',
    sentence:
      'concurrent appends that expect anything all stand in the stream, batches undivided, without gaps',
    run: async ({ store, another }) => {
      const stores = [store, another()];
      const stream = newStream();
      const batches = Array.from({ length: 40 }, (_, n) => makeEvents(1 + (n % 3)));
      const results = await Promise.all(
        batches.map((batch, n) => pick(stores, n).append(stream, 'any', batch)),
      );
      const events = await collect(store.read(stream));
      assert.equal(events.length, batches.flat().length);
      batches.forEach((batch, n) => {
        const { revision = -1, position } = results[n] ?? {};
        const own = events.slice(revision - batch.length + 1, revision + 1);
        assert.deepEqual(ids(own), ids(batch));
        assert.equal(own.at(-1)?.position, position);
      });
      assertWholeLog(await collect(store.readAll()));
    },
  },
  {
    name: 'concurrent-repeats',
    sentence: 'the same append sent many times at once is written once and has one result',
    run: async ({ store, another }) => {
      const stores = [store, another()];
      const stream = newStream();
      const events = makeEvents(3);
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, n) => pick(stores, n).append(stream, 'no-stream', events)),
      );
      for (const result of results) assert.deepEqual(placeOf(result), placeOf(pick(results, 0)));
      assert.equal((await collect(store.readAll())).length, 3);
    },
  },
  {
    name: 'mixed-outcomes',
    sentence: 'appends made at once do not share fates: each has the outcome it would have had alone',
    run: async ({ store }) => {
      const [full, empty, shared] = [newStream(), newStream(), newStream()];
      const known = makeEvents(2);
      const first = await store.append(full, 'no-stream', known);
      const [repeat, fresh, twoAny] = await Promise.all([
        store.append(full, 'no-stream', known),
        store.append(empty, 'no-stream', makeEvents(2)),
        Promise.all([store.append(shared, 'any', makeEvents(2)), store.append(shared, 'any', makeEvents(1))]),
        conflictOf(store.append(full, 'no-stream', makeEvents(1))),
        conflictOf(store.append(newStream(), 'stream-exists', makeEvents(1))),
        conflictOf(store.append(full, 'any', [...makeEvents(1), known[0]])),
        conflictOf(store.append(newStream(), 7, makeEvents(1))),
      ]);
      assert.deepEqual(placeOf(repeat), placeOf(first));
      assert.equal(fresh.revision, 1);
      assert.equal(Math.max(...twoAny.map(({ revision }) => revision)), 2);
      const events = await collect(store.readAll());
      assert.equal(events.length, 2 + 2 + 3);
      assertWholeLog(events);
    },
  },
  {
    name: 'seen-then-nothing-before',
    sentence:
      'readers that continue after the last position they saw miss nothing while several stores write',
    run: async ({ store, another }) => {
      const stores = [store, another(), another()];
      const followers = stores.map((reader) => follow(reader, { pageSize: 50 }));
      const answered = new Map<string, string>();
      const writer = async (n: number): Promise<void> => {
        const stream = newStream();
        for (let round = 0; round < 15; round += 1) {
          const batch = makeEvents(1 + ((n + round) % 3));
          const { position } = await pick(stores, n).append(stream, 'any', batch);
          answered.set(batch.at(-1)?.id ?? '', position);
        }
      };
      await Promise.all(Array.from({ length: 12 }, (_, n) => writer(n)));
      // Whoever sees the last event is past all others.
      const last = await store.append(newStream(), 'no-stream', makeEvents(1));
      const all = await collect(store.readAll());
      assertWholeLog(all);
      for (const [id, position] of answered) {
        assert.equal(all.find((event) => event.id === id)?.position, position);
      }
      for (const { events, stop } of followers) {
        await eventually(() => assert.equal(events.at(-1)?.position, last.position));
        assert.deepEqual(ids(events), ids(all));
        await stop();
      }
    },
  },
  {
    name: 'acknowledged-is-readable',
    sentence: 'once an append is answered, every store reads it: in its stream, in the log and at the head',
    run: async ({ store, another }) => {
      const other = another();
      for (let n = 0; n < 20; n += 1) {
        const stream = newStream();
        const { position, revision } = await store.append(stream, 'no-stream', makeEvents(2));
        const [last] = await collect(other.read(stream, { direction: 'backwards', limit: 1 }));
        assert.deepEqual([last?.revision, last?.position], [revision, position]);
        assert.equal(await other.head(), position);
        assert.equal((await other.append(stream, revision, makeEvents(1))).revision, revision + 1);
      }
    },
  },
  ...(['same database', 'another database'] as const).map((where): Clause<EventStoreSubject> => ({
    name: `open-transactions-in-${where.replace(' ', '-')}`,
    sentence: `a transaction that stays open in ${where === 'same database' ? 'the same' : 'another'} database neither holds appends up nor hides events nor lets one slip in before`,
    run: async ({ store, another, holdTransaction }) => {
      const seen = follow(store, {});
      await store.append(newStream(), 'no-stream', makeEvents(1));
      const end = await holdTransaction(where);
      let during: readonly RecordedEvent[];
      try {
        for (let n = 0; n < 5; n += 1)
          await pick([store, another()], n).append(newStream(), 'any', makeEvents(2));
        during = await collect(store.readAll());
        assert.equal(during.length, 11);
        await eventually(() => assert.equal(seen.events.length, 11), { withinMs: 2_000 });
      } finally {
        await end();
      }
      await store.append(newStream(), 'no-stream', makeEvents(1));
      const after = await collect(store.readAll());
      assert.deepEqual(ids(after.slice(0, 11)), ids(during));
      await eventually(() => assert.deepEqual(ids(seen.events), ids(after)));
      await seen.stop();
    },
  })),
  {
    name: 'hot-stream-with-bystanders',
    sentence: 'writers that fight over one stream make progress by repeating, and others are not held up',
    run: async ({ store }) => {
      const hot = newStream();
      const fight = async (): Promise<void> => {
        for (let revision = -1; ;) {
          try {
            await store.append(hot, revision < 0 ? 'no-stream' : revision, makeEvents(1));
            return;
          } catch (error) {
            if (!isDaybookError(error, 'revision-conflict')) throw error;
            revision = Number(error.fields['actual']);
          }
        }
      };
      const calm: StreamName[] = Array.from({ length: 10 }, () => newStream());
      await Promise.all([
        ...Array.from({ length: 10 }, fight),
        ...calm.map((stream) => store.append(stream, 'no-stream', makeEvents(2))),
      ]);
      assert.equal((await collect(store.read(hot))).length, 10);
      assertWholeLog(await collect(store.readAll()));
    },
  },
];

function placeOf({ revision, position }: Appended): unknown {
  return { revision, position };
}
