import { beforeEach, describe, expect, test } from '@jest/globals';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import { collect, makeEvents, newStream } from '@daybook/test/contracts/event-store.subject.ts';
import { follow } from '@daybook/test/contracts/event-store-read.clauses.ts';
import type { Member } from '@daybook/test/fakes/event-store-db/cluster.ts';
import type { StandIn } from '@daybook/test/fakes/event-store-db/server.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { startProxy } from '@daybook/test/support/proxy.ts';
import { standIns } from './stand-ins.fixture.ts';

describe('connections to EventStoreDB', () => {
  const { started, open: openAt, closing } = standIns();
  let server: StandIn;

  beforeEach(async () => {
    server = await started();
  });

  const open = (url = server.url, limits: Parameters<typeof openAt>[1] = {}): EventStore =>
    openAt({ url }, limits);

  test('an append that is under way goes on where another store of the process is closed', async () => {
    const proxy = await startProxy(`postgres://127.0.0.1:${String(server.port)}/`);
    closing(() => proxy.close());
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

  test('of several nodes none of which answers, it is said that they cannot be reached', async () => {
    const gone = [await started(), await started()];
    await Promise.all(gone.map((node) => node.stop()));
    const hosts = gone.map(({ port }) => `127.0.0.1:${String(port)}`).join(',');
    const store = open(`esdb://${hosts}?tls=false&maxDiscoverAttempts=1`);
    const unreachable = {
      code: 'unavailable',
      retry: 'later',
      message: 'EventStoreDB cannot be reached.',
    };
    await expect(store.append(newStream(), 'no-stream', makeEvents(1))).rejects.toMatchObject(unreachable);
    await expect(store.head()).rejects.toMatchObject(unreachable);
  });

  test('a subscription to a node that is cut off from its cluster ends, and goes on at the leader', async () => {
    const writer = open();
    await writer.append(newStream(), 'no-stream', makeEvents(1));
    const cutOff = await started({ leader: { host: '127.0.0.1', port: server.port } });
    const store = open(cutOff.url, { quietMs: 20 });
    const first = follow(store, {});
    await expect(first.ended).rejects.toMatchObject({ code: 'unavailable', retry: 'later' });
    expect(first.events).toEqual([]);
    const second = follow(store, {});
    await eventually(() => expect(second.events).toHaveLength(1));
    const looks = server.calls.get('read') ?? 0;
    await eventually(() => expect(server.calls.get('read')).toBeGreaterThan(looks + 3));
    await writer.append(newStream(), 'no-stream', makeEvents(1));
    await eventually(() => expect(second.events).toHaveLength(2));
    await second.stop();
  });

  test('a subscription that is stopped waits for no answer', async () => {
    let silent = false;
    const server = await started({ instead: () => (silent ? 'silence' : undefined) });
    const store = open(server.url, { quietMs: 20 });
    await store.append(newStream(), 'no-stream', makeEvents(1));
    const seen = follow(store, {});
    await eventually(() => expect(seen.events).toHaveLength(1));
    silent = true;
    const looks = server.calls.get('read') ?? 0;
    await eventually(() => expect(server.calls.get('read')).toBeGreaterThan(looks));
    await seen.stop();
  });

  test('an append that is acknowledged and not shown is in doubt, within its time', async () => {
    let silent = true;
    const server = await started({
      instead: (method) => (silent && method === 'read' ? 'silence' : undefined),
    });
    const store = open(server.url, { answerLimitMs: 2_000 });
    const stream = newStream();
    const events = makeEvents(1);
    await expect(store.append(stream, 'no-stream', events)).rejects.toMatchObject({ code: 'timeout' });
    silent = false;
    expect((await store.append(stream, 'no-stream', events)).revision).toBe(0);
    expect(await collect(store.read(stream))).toHaveLength(1);
  });
});
