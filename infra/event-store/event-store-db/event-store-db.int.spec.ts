import { inspect } from 'node:util';
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { StreamName } from '@daybook/kernel/event.ts';
import type { EventStoreDBClient } from '@eventstore/db-client';
import {
  conflictOf,
  collect,
  ids,
  makeEvent,
  makeEvents,
  newStream,
} from '@daybook/test/contracts/event-store.subject.ts';
import { follow } from '@daybook/test/contracts/event-store-read.clauses.ts';
import type { StandIn } from '@daybook/test/fakes/event-store-db/server.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { startProxy, type Proxy } from '@daybook/test/support/proxy.ts';
import { eventStoreDb } from './event-store-db.ts';
import { standIns } from './stand-ins.fixture.ts';

describe('event store in EventStoreDB', () => {
  const { started, open: openAt, client: clientAt, closing } = standIns();
  let server: StandIn;

  beforeEach(async () => {
    server = await started();
  });

  const open = (url = server.url, answerLimitMs = 30_000): EventStore => openAt({ url }, { answerLimitMs });

  /** The store behind a line that can be cut. */
  async function lined(answerLimitMs?: number): Promise<{ store: EventStore; proxy: Proxy }> {
    const proxy = await startProxy(`postgres://127.0.0.1:${String(server.port)}/`);
    closing(() => proxy.close());
    return { store: open(`esdb://127.0.0.1:${new URL(proxy.url).port}?tls=false`, answerLimitMs), proxy };
  }

  test('reads that are given up, also after all of them has come, hold nothing that close waits for', async () => {
    const store = open();
    await store.append(newStream(), 'no-stream', makeEvents(40));
    for await (const page of store.readAll({ pageSize: 2 })) {
      expect(page).toHaveLength(2);
      // By the time of its answer the rest of the read has come as well.
      await store.append(newStream(), 'no-stream', makeEvents(1));
      break;
    }
    await store.head();
    await store.close();
  });

  test('a server that went away is unavailable, and appends and reads go on once it is back', async () => {
    const store = open();
    const stream = newStream();
    await store.append(stream, 'no-stream', makeEvents(1));
    await server.stop();
    await expect(store.append(stream, 0, makeEvents(1))).rejects.toMatchObject({
      code: 'unavailable',
      retry: 'later',
    });
    await expect(collect(store.readAll())).rejects.toMatchObject({ code: 'unavailable' });
    await started({ log: server.log, port: server.port });
    await eventually(async () => expect((await store.append(stream, 0, makeEvents(1))).revision).toBe(1));
    expect(await collect(store.read(stream))).toHaveLength(2);
  });

  test('a subscription whose server goes away ends in an error, and goes on from where it was', async () => {
    const store = open();
    await store.append(newStream(), 'no-stream', makeEvents(3));
    const first = follow(store, {});
    await eventually(() => expect(first.events).toHaveLength(3));
    await server.stop();
    await expect(first.ended).rejects.toMatchObject({ code: 'unavailable' });
    const again = await started({ log: server.log, port: server.port });
    await eventually(async () => {
      await store.append(newStream(), 'no-stream', makeEvents(1));
    });
    const after = first.events.at(-1)?.position;
    const second = follow(store, after === undefined ? {} : { after });
    await eventually(() =>
      expect(ids([...first.events, ...second.events])).toEqual(again.log.all().map(({ id }) => id)),
    );
    await second.stop();
  });

  test('an append whose answer is lost may be repeated: it stands in its stream once', async () => {
    const { store, proxy } = await lined(2_000);
    const stream = newStream();
    await store.append(stream, 'no-stream', makeEvents(1));
    const events = makeEvents(2);
    proxy.turn('silent');
    await expect(store.append(stream, 0, events)).rejects.toMatchObject({ code: 'timeout', retry: 'later' });
    proxy.turn('clear');
    await eventually(async () => expect((await store.append(stream, 0, events)).revision).toBe(2));
    expect(await collect(open().read(stream))).toHaveLength(3);
  });

  test('a repeat is found by a process that saw nothing, also where the server has forgotten the id', async () => {
    const stream = newStream();
    const events = makeEvents(2);
    const first = await open().append(stream, 'no-stream', events);
    await open().append(stream, 'any', makeEvents(3));
    const again = open();
    for (const expected of ['any', 'stream-exists', 4, 'no-stream'] as const) {
      const { revision, position } = first;
      expect(await again.append(stream, expected, events)).toEqual({ revision, position });
    }
    expect(await collect(again.read(stream))).toHaveLength(5);
  });

  test('where another node leads, appends and reads go on there', async () => {
    const stream = newStream();
    await open().append(stream, 'no-stream', makeEvents(1));
    const follower = await started({ log: server.log, leader: { host: '127.0.0.1', port: server.port } });
    const writer = open(follower.url);
    expect(await writer.append(newStream(), 'no-stream', makeEvents(1))).toMatchObject({ wrote: true });
    expect((await writer.append(stream, 0, makeEvents(1))).revision).toBe(1);
    expect(await collect(open(follower.url).read(stream))).toHaveLength(2);
    expect(Object.fromEntries(follower.calls)).toEqual({ append: 1, read: 1 });
  });

  test('wrong credentials are said to be wrong, and shown to nobody', async () => {
    const locked = await started({ credentials: { username: 'ada', password: 'lovelace' } });
    expect((await open(locked.url).append(newStream(), 'no-stream', makeEvents(1))).revision).toBe(0);
    const wrong = open(locked.url.replace('lovelace', 'byron-secret'));
    const refused = await wrong
      .append(newStream(), 'no-stream', makeEvents(1))
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('EVENTSTORE_URL'),
    });
    expect(JSON.stringify(refused, Object.getOwnPropertyNames(refused))).not.toContain('byron-secret');
  });

  test.each([
    '?tlz=false',
    '?throwOnAppendFailure=false',
    '?tls=maybe',
    '?tls=true&tlsCAFile=/nowhere/ca.pem',
    '?tls=true&tls-verify-cert=false',
  ])('a URL that makes no sense (%s) is refused by its name, and shown to nobody', (rest) => {
    let refused: unknown;
    try {
      eventStoreDb({ url: `esdb://ada:lovelace@127.0.0.1:2113${rest}`, name: 'test' });
    } catch (error) {
      refused = error;
    }
    expect(refused).toMatchObject({
      code: 'configuration-invalid',
      message: expect.stringContaining('EVENTSTORE_URL'),
    });
    expect(inspect(refused)).not.toContain('lovelace');
  });

  test('an append larger than the server takes is refused by name, and nothing is written', async () => {
    const small = await started({ maxAppendBytes: 10_000 });
    const store = open(small.url);
    const stream = newStream();
    const large = [makeEvent({ text: 'x'.repeat(20_000) })] as const;
    await expect(store.append(stream, 'no-stream', large)).rejects.toThrow(
      'EventStoreDB takes at most 10000 bytes in one append.',
    );
    expect(await collect(store.read(stream))).toEqual([]);
  });

  test('a stream that somebody deleted for good is told as a damage to the log', async () => {
    const store = open();
    const stream = newStream();
    await store.append(stream, 'no-stream', makeEvents(2));
    await client().tombstoneStream(stream);
    await expect(store.append(stream, 1, makeEvents(1))).rejects.toMatchObject({ code: 'log-mismatch' });
    await expect(collect(open().read(stream))).rejects.toMatchObject({ code: 'log-mismatch' });
  });

  test('events of the server and metadata of streams are no events of the log', async () => {
    const store = open();
    await client().setStreamMetadata('thing-1', { maxCount: 1_000 });
    await store.identity();
    const { position } = await store.append(newStream(), 'no-stream', makeEvents(1));
    await client().setStreamMetadata('thing-1', { maxCount: 2_000 });
    expect(await store.head()).toBe(position);
    expect(await collect(store.readAll())).toHaveLength(1);
    const seen = follow(store, {});
    await eventually(() => expect(seen.events).toHaveLength(1));
    await seen.stop();
  });

  test('metadata carries what the pages of the server look for', async () => {
    const stream = newStream();
    const event = makeEvent();
    const metadata = { ...event.metadata, correlationId: 'corr', causationId: 'cause' };
    await open().append(stream, 'no-stream', [{ ...event, metadata }]);
    const stored: unknown[] = [];
    for await (const { event: each } of client().readStream(stream)) stored.push(each?.metadata);
    expect(stored).toEqual([expect.objectContaining({ $correlationId: 'corr', $causationId: 'cause' })]);
    expect((await collect(open().read(stream)))[0]?.metadata).toEqual(metadata);
  });

  test('a position between two events has none', async () => {
    const store = open();
    const { position } = await store.append(newStream(), 'no-stream', makeEvents(1));
    await store.append(newStream(), 'no-stream', makeEvents(1));
    const between = String(BigInt(position) + 7n).padStart(20, '0') as typeof position;
    expect(await store.at(between)).toBeUndefined();
    expect((await store.at(position))?.position).toBe(position);
  });

  test('many writers of one stream, over several processes: each append is there, once, whole', async () => {
    const stores = [open(), open(), open()];
    const stream: StreamName = newStream();
    const batches = Array.from({ length: 30 }, () => makeEvents(2));
    await Promise.all(
      batches.flatMap((batch, n) =>
        [n, n + 1].map((at) => (stores[at % 3] as EventStore).append(stream, 'any', batch)),
      ),
    );
    expect(ids(await collect(open().read(stream))).sort()).toEqual(ids(batches.flat()).sort());
    await conflictOf(open().append(stream, 3, makeEvents(1)));
  });

  const client = (): EventStoreDBClient => clientAt(server);
});
