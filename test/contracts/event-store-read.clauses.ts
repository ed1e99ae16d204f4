import assert from 'node:assert/strict';
import { beginning, type RecordedEvent, type StreamName } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import { eventually } from '../support/eventually.ts';
import type { Clause } from './contract.ts';
import {
  assertWholeLog,
  collect,
  ids,
  makeEvent,
  makeEvents,
  newStream,
  type EventStoreSubject,
} from './event-store.subject.ts';

/** What readers may rely on. */
export const readClauses: readonly Clause<EventStoreSubject>[] = [
  {
    name: 'missing-stream',
    sentence: 'a missing stream yields nothing, in both directions, also beside one whose name begins alike',
    run: async ({ store }) => {
      const stream = newStream();
      const id = stream.slice('thing-'.length);
      await store.append(stream, 'no-stream', makeEvents(1));
      for (const missing of [`${stream}0`, stream.slice(0, -1), `other-${id}`] as StreamName[]) {
        assert.deepEqual(await collect(store.read(missing)), []);
        assert.deepEqual(await collect(store.read(missing, { direction: 'backwards' })), []);
      }
      assert.deepEqual(await collect(store.read(`Thing-${id}`)), []);
    },
  },
  {
    name: 'read-in-order',
    sentence: 'a stream reads in revision order without gaps, over many pages, other streams’ events between',
    run: async ({ store }) => {
      const [stream, other] = [newStream(), newStream()];
      for (let n = 0; n < 1_200; n += 300) {
        await store.append(stream, 'any', makeEvents(300, n));
        await store.append(other, 'any', makeEvents(3));
      }
      const events = await collect(store.read(stream));
      assert.deepEqual(
        events.map(({ revision, data }) => [revision, (data as { n: number }).n]),
        Array.from({ length: 1_200 }, (_, n) => [n, n]),
      );
      assert.ok(events.every((event) => event.stream === stream));
    },
  },
  {
    name: 'read-part',
    sentence: 'from (inclusive), direction and limit choose a part of a stream',
    run: async ({ store }) => {
      const stream = newStream();
      await store.append(stream, 'no-stream', makeEvents(10));
      const revisions = async (options: Parameters<EventStore['read']>[1]): Promise<number[]> =>
        (await collect(store.read(stream, options))).map(({ revision }) => revision);
      assert.deepEqual(await revisions({ from: 7 }), [7, 8, 9]);
      assert.deepEqual(await revisions({ from: 3, limit: 2 }), [3, 4]);
      assert.deepEqual(await revisions({ from: 10 }), []);
      assert.deepEqual(await revisions({ direction: 'backwards', limit: 2 }), [9, 8]);
      assert.deepEqual(await revisions({ direction: 'backwards', from: 1 }), [1, 0]);
      assert.deepEqual(await revisions({ direction: 'backwards', from: 99, limit: 1 }), [9]);
      assert.deepEqual(await revisions({ limit: 0 }), []);
    },
  },
  {
    name: 'find',
    sentence:
      'find answers with the events of a stream that have one of the ids, in revision order, and no others',
    run: async ({ store }) => {
      const [stream, other] = [newStream(), newStream()];
      const [events, others] = [makeEvents(600), makeEvents(1)];
      await store.append(stream, 'no-stream', events);
      await store.append(other, 'no-stream', others);
      const [late, early, unknown] = [events[590], events[3], makeEvent()] as const;
      const wanted = ids([late as typeof unknown, others[0], unknown, early as typeof unknown]);
      const found = await store.find(stream, wanted as [string]);
      assert.deepEqual(
        found.map(({ revision }) => revision),
        [3, 590],
      );
      const read = await collect(store.read(stream));
      assert.deepEqual(found, [read[3], read[590]]);
      assert.deepEqual(await store.find('thing-unknown', [events[0].id]), []);
    },
  },
  {
    name: 'read-all-in-order',
    sentence:
      'the log reads in one total order, every event once, streams in revision order, on pages of the size asked',
    run: async ({ store }) => {
      const streams = [newStream(), newStream(), newStream()];
      for (let n = 0; n < 30; n += 1) {
        await store.append(streams[n % 3] as StreamName, 'any', makeEvents(1 + (n % 4)));
      }
      const sizes: number[] = [];
      const events: RecordedEvent[] = [];
      for await (const page of store.readAll({ pageSize: 7 })) {
        sizes.push(page.length);
        events.push(...page);
      }
      assert.equal(events.length, 73);
      assert.deepEqual(sizes, [7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 3]);
      assertWholeLog(events);
    },
  },
  {
    name: 'read-all-part',
    sentence:
      'readAll begins after a position, obeys a limit, and yields nothing of an empty log or after its end',
    run: async ({ store }) => {
      assert.deepEqual(await collect(store.readAll()), []);
      await store.append(newStream(), 'no-stream', makeEvents(10));
      const all = await collect(store.readAll());
      const after = all[3]?.position ?? beginning;
      assert.deepEqual(ids(await collect(store.readAll({ after }))), ids(all.slice(4)));
      assert.deepEqual(
        ids(await collect(store.readAll({ after, limit: 3, pageSize: 2 }))),
        ids(all.slice(4, 7)),
      );
      assert.deepEqual(await collect(store.readAll({ after: await store.head() })), []);
      assert.deepEqual(await collect(store.readAll({ limit: 0 })), []);
    },
  },
  {
    name: 'head',
    sentence: 'head is the position of the last event, `beginning` for an empty log',
    run: async ({ store }) => {
      assert.equal(await store.head(), beginning);
      const { position } = await store.append(newStream(), 'no-stream', makeEvents(3));
      assert.equal(await store.head(), position);
    },
  },
  {
    name: 'at-position',
    sentence:
      'at yields the event of a position, and nothing for a position behind the end or before the first',
    run: async ({ store, another }) => {
      assert.equal(await store.at(beginning), undefined);
      await store.append(newStream(), 'no-stream', makeEvents(3));
      const end = await store.head();
      await store.append(newStream(), 'no-stream', makeEvents(2));
      const all = await collect(store.readAll());
      const other = another();
      for (const event of all) assert.deepEqual(await other.at(event.position), event);
      assert.equal((await store.at(end))?.id, all[2]?.id);
      // As after the log lost its end: a position that the log would issue, and did not.
      const last = all.at(-1)?.position ?? end;
      const next = String(BigInt(last) + 1n).padStart(last.length, '0') as typeof end;
      assert.ok(next > end);
      assert.equal(await store.at(next), undefined);
    },
  },
  {
    name: 'identity',
    sentence: 'all stores on one log have one identity, which nothing that is appended changes',
    run: async ({ store, another }) => {
      const identity = await store.identity();
      assert.ok(identity.log.length > 0 && identity.epoch.length > 0);
      await store.append(newStream(), 'no-stream', makeEvents(1));
      assert.deepEqual(await store.identity(), identity);
      assert.deepEqual(await another().identity(), identity);
    },
  },
  {
    name: 'known-identity',
    sentence: 'looking whether a log has an identity finds the one that it has, and gives it none',
    run: async ({ store, another }) => {
      const before = await store.knownIdentity();
      assert.deepEqual(await another().knownIdentity(), before);
      const identity = await store.identity();
      assert.deepEqual(before ?? identity, identity);
      for (const each of [store, another()]) assert.deepEqual(await each.knownIdentity(), identity);
    },
  },
  {
    name: 'positions-are-printable',
    sentence:
      'positions are printable text whose code-unit order is the order of the log, also past powers of ten',
    run: async ({ store }) => {
      for (let n = 0; n < 12; n += 1) await store.append(newStream(), 'no-stream', makeEvents(10));
      const positions = (await collect(store.readAll())).map(({ position }) => position);
      assert.ok(positions.every((position) => /^[0-9A-Za-z:]+$/.test(position) && position > beginning));
      assert.deepEqual([...positions].sort(), positions);
    },
  },
  {
    name: 'stops-reading-ahead',
    sentence: 'a reader may stop after any page; the store closes and reads on as if nothing was',
    run: async ({ store }) => {
      await store.append(newStream(), 'no-stream', makeEvents(50));
      for (let n = 1; n <= 5; n += 1) {
        assert.equal((await collect(store.readAll({ pageSize: 2 }), n * 2)).length, n * 2);
      }
      assert.equal((await collect(store.readAll())).length, 50);
    },
  },
  {
    name: 'subscription-catches-up-and-follows',
    sentence:
      'a subscription yields the log after its position, then what is appended by any store, in order, once',
    run: async ({ store, another }) => {
      const other = another();
      const [first] = makeEvents(1);
      const { position } = await store.append(newStream(), 'no-stream', [first]);
      const past = makeEvents(5);
      await store.append(newStream(), 'no-stream', past);
      const seen = follow(store, { after: position, pageSize: 2 });
      await eventually(() => assert.deepEqual(ids(seen.events), ids(past)));
      const later = [makeEvent(), makeEvent(), makeEvent(), makeEvent()];
      for (const [index, event] of later.entries()) {
        await (index % 2 === 0 ? store : other).append(newStream(), 'no-stream', [event]);
      }
      await eventually(() => assert.deepEqual(ids(seen.events), ids([...past, ...later])));
      await seen.stop();
    },
  },
  {
    name: 'subscription-ends-quietly',
    sentence:
      'a subscription ends without an error when its signal aborts: before the start, catching up, waiting',
    run: async ({ store }) => {
      const aborted = store.subscribeAll({ signal: AbortSignal.abort() });
      assert.deepEqual(await collect(aborted), []);
      await store.append(newStream(), 'no-stream', makeEvents(10));
      const controller = new AbortController();
      const events: RecordedEvent[] = [];
      for await (const page of store.subscribeAll({ signal: controller.signal, pageSize: 2 })) {
        events.push(...page);
        if (events.length >= 4) controller.abort();
      }
      assert.equal(events.length, 4);
      const waiting = follow(store, {});
      await eventually(() => assert.equal(waiting.events.length, 10));
      await waiting.stop();
    },
  },
  {
    name: 'close-ends-subscriptions',
    sentence: 'close ends subscriptions that wait, and one begun later is over at once',
    run: async ({ store }) => {
      await store.append(newStream(), 'no-stream', makeEvents(1));
      const waiting = follow(store, {});
      await eventually(() => assert.equal(waiting.events.length, 1));
      await store.close();
      await waiting.ended;
      assert.deepEqual(await collect(store.subscribeAll({ signal: new AbortController().signal })), []);
    },
  },
  {
    name: 'subscription-waits-for-its-reader',
    sentence: 'a slow reader gets every event in order; nothing is fetched far ahead of it or dropped',
    run: async ({ store }) => {
      await store.append(newStream(), 'no-stream', makeEvents(30));
      const controller = new AbortController();
      const events: RecordedEvent[] = [];
      for await (const page of store.subscribeAll({ signal: controller.signal, pageSize: 3 })) {
        events.push(...page);
        if (events.length < 60) await store.append(newStream(), 'no-stream', makeEvents(1));
        else controller.abort();
      }
      assert.ok(events.length >= 60);
      assertWholeLog(events);
    },
  },
];

/** Follows the log in the background. */
export function follow(
  store: EventStore,
  options: Omit<Parameters<EventStore['subscribeAll']>[0], 'signal'>,
): { events: RecordedEvent[]; ended: Promise<void>; stop: () => Promise<void> } {
  const controller = new AbortController();
  const events: RecordedEvent[] = [];
  const run = async (): Promise<void> => {
    for await (const page of store.subscribeAll({ ...options, signal: controller.signal })) {
      assert.ok(page.length > 0, 'a page is never empty');
      events.push(...page);
    }
  };
  const ended = run();
  return {
    events,
    ended,
    stop: () => {
      controller.abort();
      return ended;
    },
  };
}
