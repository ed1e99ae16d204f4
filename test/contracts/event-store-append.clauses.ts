import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { isDaybookError } from '@daybook/kernel/errors.ts';
import { beginning, type NewEvent } from '@daybook/kernel/event.ts';
import type { Expected, NonEmpty } from '@daybook/kernel/ports/event-store.ts';
import type { Clause } from './contract.ts';
import {
  collect,
  conflictOf,
  ids,
  makeEvent,
  makeEvents,
  metadata,
  newStream,
  type EventStoreSubject,
} from './event-store.subject.ts';

/** What one writer may rely on. */
export const appendClauses: readonly Clause<EventStoreSubject>[] = [
  {
    name: 'answers-revision-and-position',
    sentence: 'an append answers with the revision and the position of its last event',
    run: async ({ store }) => {
      const stream = newStream();
      const first = await store.append(stream, 'no-stream', makeEvents(3));
      assert.equal(first.revision, 2);
      assert.ok(first.position > beginning);
      const second = await store.append(stream, 2, makeEvents(1));
      assert.equal(second.revision, 3);
      assert.ok(second.position > first.position);
      const events = await collect(store.readAll());
      assert.deepEqual([events[2]?.position, events[3]?.position], [first.position, second.position]);
    },
  },
  {
    name: 'no-stream',
    sentence: 'no-stream is refused where the stream has events',
    run: async ({ store }) => {
      const stream = newStream();
      await store.append(stream, 'no-stream', makeEvents(2));
      const { fields } = await conflictOf(store.append(stream, 'no-stream', makeEvents(1)));
      assert.deepEqual({ ...fields }, { stream, expected: 'no-stream', actual: 1 });
      assert.equal((await collect(store.read(stream))).length, 2);
    },
  },
  {
    name: 'stream-exists',
    sentence: 'stream-exists is refused where the stream has no events, with the actual revision -1',
    run: async ({ store }) => {
      const stream = newStream();
      const { fields } = await conflictOf(store.append(stream, 'stream-exists', makeEvents(1)));
      assert.deepEqual({ ...fields }, { stream, expected: 'stream-exists', actual: -1 });
      assert.deepEqual(await collect(store.read(stream)), []);
      await store.append(stream, 'any', makeEvents(1));
      assert.equal((await store.append(stream, 'stream-exists', makeEvents(1))).revision, 1);
    },
  },
  {
    name: 'expected-revision',
    sentence: 'a revision is refused unless it is the actual one: lower, higher and on a missing stream',
    run: async ({ store }) => {
      const stream = newStream();
      assert.equal((await conflictOf(store.append(stream, 0, makeEvents(1)))).fields['actual'], -1);
      await store.append(stream, 'no-stream', makeEvents(3));
      for (const wrong of [0, 1, 3, 100]) {
        const { fields, retry } = await conflictOf(store.append(stream, wrong, makeEvents(1)));
        assert.deepEqual({ ...fields, retry }, { stream, expected: wrong, actual: 2, retry: 'now' });
      }
      assert.equal((await store.append(stream, 2, makeEvents(1))).revision, 3);
    },
  },
  {
    name: 'any',
    sentence: 'any is accepted whatever the stream holds',
    run: async ({ store }) => {
      const stream = newStream();
      assert.equal((await store.append(stream, 'any', makeEvents(1))).revision, 0);
      assert.equal((await store.append(stream, 'any', makeEvents(2))).revision, 2);
    },
  },
  {
    name: 'whole-batch',
    sentence: 'a batch stands in its stream in its own order, and a refused one leaves nothing behind',
    run: async ({ store }) => {
      const [stream, other] = [newStream(), newStream()];
      const events = makeEvents(20);
      await store.append(stream, 'no-stream', events);
      assert.deepEqual(ids(await collect(store.read(stream))), ids(events));
      const head = await store.head();
      await conflictOf(store.append(stream, 'no-stream', makeEvents(20)));
      await conflictOf(store.append(other, 'stream-exists', makeEvents(20)));
      assert.equal(await store.head(), head);
      assert.equal((await collect(store.readAll())).length, 20);
    },
  },
  {
    name: 'repeat-gives-first-result',
    sentence:
      'the same event ids again give the first revision and position and write nothing, whatever is expected',
    run: async ({ store }) => {
      const stream = newStream();
      const events = makeEvents(3);
      const { revision, position } = await store.append(stream, 'no-stream', events);
      await store.append(stream, 'any', makeEvents(2));
      for (const expected of ['no-stream', 'stream-exists', 'any', 0, 2, 4, 99] satisfies Expected[]) {
        assert.deepEqual(await store.append(stream, expected, events), { revision, position });
      }
      assert.equal((await collect(store.read(stream))).length, 5);
    },
  },
  {
    name: 'claims-no-repeat',
    sentence: 'an append that finds its events stored already does not say that it wrote them',
    run: async ({ store, another }) => {
      const events = makeEvents(2);
      const stream = newStream();
      const appends = await Promise.all(
        [store, another(), store, another()].map((each) => each.append(stream, 'any', events)),
      );
      assert.ok(appends.filter(({ wrote }) => wrote === true).length <= 1);
      assert.equal((await store.append(stream, 'no-stream', events)).wrote, undefined);
    },
  },
  {
    name: 'partial-repeat',
    sentence: 'a batch of which only some ids are stored is a conflict and writes nothing',
    run: async ({ store }) => {
      const stream = newStream();
      const [known, ...others] = makeEvents(3);
      await store.append(stream, 'no-stream', [known]);
      const { fields } = await conflictOf(store.append(stream, 'any', [known, ...others]));
      assert.equal(fields['actual'], 0);
      assert.equal((await collect(store.readAll())).length, 1);
    },
  },
  {
    name: 'keeps-data',
    sentence:
      'data and metadata come back as they were written, any JSON, and do not follow the writer’s objects',
    run: async ({ store }) => {
      const stream = newStream();
      const data = {
        text: 'Grüße ✓ 李 🎉 "quoted" \\ \u0000 \u001e \n',
        empty: '',
        numbers: [0, -1, 1.5, 1e21, Number.MAX_SAFE_INTEGER],
        nested: { list: [{ deep: [null, true, {}] }], zebra: 1, apple: 2 },
        absent: null,
        long: 'x'.repeat(5_000),
      };
      const full = {
        ...metadata,
        causationId: 'cause',
        traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      };
      const before: unknown = JSON.parse(JSON.stringify(data));
      await store.append(stream, 'no-stream', [{ ...makeEvent(data), metadata: full }, makeEvent()]);
      data.nested.list.length = 0;
      const [event, plain] = await collect(store.read(stream));
      assert.deepEqual(event?.data, before);
      assert.deepEqual(Object.keys((event?.data as typeof data).nested), ['list', 'zebra', 'apple']);
      assert.deepEqual(event?.metadata, full);
      assert.deepEqual(plain?.metadata, metadata);
    },
  },
  {
    name: 'answers-cannot-change-the-log',
    sentence: 'what a reader does with an event it read changes nothing for the next reader',
    run: async ({ store }) => {
      const stream = newStream();
      await store.append(stream, 'no-stream', [makeEvent({ list: [1] })]);
      const [event] = await collect(store.read(stream));
      try {
        (event?.data as { list: number[] }).list.push(2);
      } catch {
        // Frozen is as good.
      }
      assert.deepEqual((await collect(store.readAll()))[0]?.data, { list: [1] });
    },
  },
  {
    name: 'records-the-time',
    sentence: 'recordedAt is the time of the append, ISO 8601 in UTC with milliseconds',
    run: async ({ store }) => {
      const before = Date.now();
      await store.append(newStream(), 'no-stream', makeEvents(2));
      for (const { recordedAt } of await collect(store.readAll())) {
        assert.match(recordedAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
        const at = Date.parse(recordedAt);
        assert.ok(at >= before - 1_000 && at <= Date.now() + 1_000);
      }
    },
  },
  {
    name: 'refuses-nonsense',
    sentence:
      'what only a bug can bring is a TypeError, and nothing is written, also of appends made beside it',
    run: async ({ store }) => {
      const twice = makeEvent();
      const wrong: [string, Expected, readonly NewEvent[]][] = [
        ['nohyphen', 'any', makeEvents(1)],
        ['thing-', 'any', makeEvents(1)],
        ['thing-\u001e', 'any', makeEvents(1)],
        ['thing-\ud800', 'any', makeEvents(1)],
        [`thing-${'x'.repeat(1_000)}`, 'any', makeEvents(1)],
        [newStream(), -1, makeEvents(1)],
        [newStream(), 1.5, makeEvents(1)],
        [newStream(), 'any', []],
        [newStream(), 'any', [twice, makeEvent(), twice]],
        [newStream(), 'any', [makeEvent({}, 'no-uuid')]],
        [newStream(), 'any', [makeEvent({}, randomUUID().toUpperCase())]],
        [newStream(), 'any', [{ ...makeEvent(), type: 'no type' }]],
        [newStream(), 'any', [{ ...makeEvent(), data: undefined as never }]],
      ];
      const good = store.append(newStream(), 'no-stream', makeEvents(1));
      for (const [stream, expected, events] of wrong) {
        const append = store.append(stream as `a-b`, expected, events as unknown as NonEmpty<NewEvent>);
        await assert.rejects(append, TypeError, JSON.stringify([stream, expected]));
      }
      await good;
      assert.equal((await collect(store.readAll())).length, 1);
    },
  },
  {
    name: 'close',
    sentence: 'close waits for appends under way and is idempotent; then appends are refused as unavailable',
    run: async ({ store, another }) => {
      const stream = newStream();
      const underWay = [1, 2, 3].map(() => store.append(stream, 'any', makeEvents(5)));
      await Promise.all([store.close(), store.close()]);
      await store.close();
      await Promise.all(underWay);
      assert.equal((await collect(another().read(stream))).length, 15);
      await assert.rejects(store.append(stream, 'any', makeEvents(1)), (error) =>
        isDaybookError(error, 'unavailable'),
      );
    },
  },
];
