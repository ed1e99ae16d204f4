import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import { collect, makeEvents, newStream } from '@daybook/test/contracts/event-store.subject.ts';
import { startStandIn, type StandIn } from '@daybook/test/fakes/event-store-db/server.ts';
import { startProxy } from '@daybook/test/support/proxy.ts';
import { eventStoreDb } from './event-store-db.ts';

describe('connections to EventStoreDB', () => {
  let server: StandIn;
  let closers: (() => Promise<void>)[];

  beforeEach(async () => {
    closers = [];
    server = await startStandIn();
    closers.push(() => server.stop());
  });

  afterEach(async () => {
    for (const close of closers.reverse()) await close();
  });

  function open(url = server.url): EventStore {
    const store = eventStoreDb({ url, name: 'test' });
    closers.push(() => store.close());
    return store;
  }

  test('an append that is under way goes on where another store of the process is closed', async () => {
    const proxy = await startProxy(`postgres://127.0.0.1:${String(server.port)}/`);
    closers.push(() => proxy.close());
    const store = open(`esdb://127.0.0.1:${new URL(proxy.url).port}?tls=false`);
    const other = open();
    const stream = newStream();
    await store.append(stream, 'no-stream', makeEvents(1));
    await other.append(newStream(), 'no-stream', makeEvents(1));
    proxy.turn('silent');
    const underWay = store.append(stream, 0, makeEvents(2));
    await other.close();
    proxy.turn('clear');
    expect((await underWay).revision).toBe(2);
    expect(await collect(store.read(stream))).toHaveLength(3);
  });
});
