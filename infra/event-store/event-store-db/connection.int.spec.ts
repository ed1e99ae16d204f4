import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import { collect, makeEvents, newStream } from '@daybook/test/contracts/event-store.subject.ts';
import type { Member } from '@daybook/test/fakes/event-store-db/cluster.ts';
import {
  startStandIn,
  type StandIn,
  type StandInOptions,
} from '@daybook/test/fakes/event-store-db/server.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { startProxy } from '@daybook/test/support/proxy.ts';
import { eventStoreDb } from './event-store-db.ts';

describe('connections to EventStoreDB', () => {
  let server: StandIn;
  let closers: (() => Promise<void>)[];

  beforeEach(async () => {
    closers = [];
    server = await started();
  });

  afterEach(async () => {
    for (const close of closers.reverse()) await close();
  });

  async function started(options: StandInOptions = {}): Promise<StandIn> {
    const standIn = await startStandIn(options);
    closers.push(() => standIn.stop());
    return standIn;
  }

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

  test('of several nodes the leader is found, and the one that leads after it', async () => {
    const { log } = server;
    const nodes: Member[] = [];
    const members = (): readonly Member[] => nodes;
    const [first, second] = [await started({ log, members }), await started({ log, members })];
    const node = ({ port }: StandIn, state: Member['state'], isAlive = true): Member => {
      return { host: '127.0.0.1', port, state, isAlive };
    };
    nodes.push(node(first, 'FOLLOWER'), node(second, 'LEADER'));
    const hosts = [first, second].map(({ port }) => `127.0.0.1:${String(port)}`).join(',');
    const store = open(`esdb://${hosts}?tls=false&maxDiscoverAttempts=3`);
    const stream = newStream();
    await store.append(stream, 'no-stream', makeEvents(1));
    expect([first.calls.size, second.calls.get('append')]).toEqual([0, 1]);
    nodes.splice(0, 2, node(first, 'LEADER'), node(second, 'LEADER', false));
    await second.stop();
    await eventually(async () => expect((await store.append(stream, 0, makeEvents(1))).revision).toBe(1));
    expect(first.calls.get('append')).toBe(1);
  });
});
