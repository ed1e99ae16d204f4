import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { jsonEvent, type EventStoreDBClient } from '@eventstore/db-client';
import {
  collect,
  conflictOf,
  makeEvent,
  makeEvents,
  newStream,
} from '@daybook/test/contracts/event-store.subject.ts';
import { follow } from '@daybook/test/contracts/event-store-read.clauses.ts';
import { noLeader, notReady, timedOut } from '@daybook/test/fakes/event-store-db/failures.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { moveIntoEventStoreDb } from './move-in.ts';
import { standIns } from './stand-ins.fixture.ts';

describe('what EventStoreDB answers', () => {
  const { started, open, client, closing } = standIns();

  test.each([
    ['event', { maxAppendBytes: 2 ** 26, maxEventBytes: 10_000 }, 20_000, 'at most 10000 bytes in one event'],
    ['message', { maxAppendBytes: 2 ** 26 }, 17 * 2 ** 20, 'no event of this size'],
  ])(
    'one %s that is too large is refused for good, and nothing is written',
    async (_, options, size, says) => {
      const store = open(await started(options));
      const stream = newStream();
      const large = [makeEvent({ text: 'x'.repeat(size) })] as const;
      const refused = await store.append(stream, 'no-stream', large).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(TypeError);
      expect(refused).toMatchObject({ message: expect.stringContaining(says) });
      expect(await collect(store.read(stream))).toEqual([]);
    },
  );

  test('an event that is too large to be moved is named, with the setting that bounds it', async () => {
    const moveIn = moveIntoEventStoreDb({ ...(await started({ maxEventBytes: 10_000 })), name: 'test' });
    closing(() => moveIn.close());
    const large = makeEvent({ text: 'x'.repeat(20_000) });
    const at = { stream: newStream(), revision: 0, recordedAt: new Date(0).toISOString() };
    const pages = [[{ ...large, ...at }]];
    await expect(moveIn.take(Readable.from(pages), () => undefined)).rejects.toMatchObject({
      code: 'maintenance-refused',
      message: expect.stringMatching(`${at.stream}@0.*10000 bytes in one event.*MaxAppendEventSize`),
    });
  });

  test('a server is looked through at the leader, for deletions of streams that are not its own', async () => {
    const leader = await started();
    const follower = await started({ leader: { host: '127.0.0.1', port: leader.port } });
    const moveIn = moveIntoEventStoreDb({ ...follower, name: 'test' });
    closing(() => moveIn.close());
    await client(leader).tombstoneStream('$persistentsubscription-gone');
    await moveIn.expectNothingDeleted();
    await client(leader).tombstoneStream(newStream());
    await expect(moveIn.expectNothingDeleted()).rejects.toMatchObject({ code: 'maintenance-refused' });
  });

  test.each([
    ['has no leader', noLeader],
    ['is starting', notReady],
  ])(
    'while the server %s, appends and reads are a passing error, and go on afterwards',
    async (_, answer) => {
      let answers = true;
      const server = await started({ instead: () => (answers ? answer() : undefined) });
      const store = open(server);
      const stream = newStream();
      const passing = { code: 'unavailable', retry: 'later' };
      await expect(store.append(stream, 'no-stream', makeEvents(1))).rejects.toMatchObject(passing);
      await expect(store.head()).rejects.toMatchObject(passing);
      answers = false;
      await eventually(async () =>
        expect((await store.append(stream, 'no-stream', makeEvents(1))).revision).toBe(0),
      );
    },
  );

  test('an append that the cluster did not confirm in time is in doubt, and repeated it stands there once', async () => {
    let late = true;
    const server = await started({ afterwards: () => (late ? timedOut() : undefined) });
    const store = open(server);
    const stream = newStream();
    const events = makeEvents(2);
    await expect(store.append(stream, 'no-stream', events)).rejects.toMatchObject({ code: 'timeout' });
    late = false;
    expect(await store.append(stream, 'no-stream', events)).toEqual({
      revision: 1,
      position: expect.any(String),
    });
    expect(await collect(store.read(stream))).toHaveLength(2);
  });

  test('an append that meets one which the cluster has not confirmed yet waits for it', async () => {
    const server = await started();
    const store = open(server);
    const stream = newStream();
    await store.append(stream, 'no-stream', makeEvents(1));
    const confirm = server.log.hold();
    const [rival] = makeEvents(1);
    const bytes = { isJson: true, data: Buffer.from('{}'), metadata: Buffer.from('{}') };
    server.log.append(stream, 0, [{ id: rival.id, type: rival.type, ...bytes }]);
    const refused = conflictOf(store.append(stream, 0, makeEvents(1)));
    const taken = store.append(stream, 'any', makeEvents(1));
    await eventually(() => expect(server.calls.get('append')).toBe(3));
    confirm();
    // Of the two that wait either may be first.
    expect((await refused).fields['actual']).toBeGreaterThanOrEqual(1);
    expect((await taken).revision).toBe(2);
    expect(server.calls.get('append')).toBe(4);
  });

  test('a user who may not read the log is told of the credentials', async () => {
    const credentials = { username: 'ada', password: 'lovelace', isAdmin: false };
    const store = open(await started({ credentials }));
    const stream = newStream();
    await store.append(stream, 'no-stream', makeEvents(1));
    await expect(collect(store.readAll())).rejects.toThrow('refuses the credentials of EVENTSTORE_URL');
  });

  test('what the server and its plugins record in streams of their own is no event of the log', async () => {
    const server = await started();
    const lease = jsonEvent({ type: 'LeaseAcquired', data: {} });
    await client(server).appendToStream('$connectors/one/leases', lease);
    const store = open(server);
    const { position } = await store.append(newStream(), 'no-stream', makeEvents(1));
    await client(server).appendToStream('$connectors/one/leases', lease);
    expect(await store.head()).toBe(position);
    expect(await collect(store.readAll())).toHaveLength(1);
    const seen = follow(store, {});
    await eventually(() => expect(seen.events).toHaveLength(1));
    await store.append(newStream(), 'no-stream', makeEvents(1));
    await eventually(() => expect(seen.events).toHaveLength(2));
    await seen.stop();
  });

  test('who the log is, is asked of the leader: a node that lags behind knows it not yet', async () => {
    const leader = await started();
    const identity = await open(leader).identity();
    const lagging = await started({ leader: { host: '127.0.0.1', port: leader.port } });
    expect(await open(lagging).identity()).toEqual(identity);
    expect(lagging.log.all()).toEqual([]);
  });

  test('who the log is, where another process said so and the cluster has not confirmed it yet, is waited for', async () => {
    const server = await started();
    const confirm = server.log.hold();
    const given = { log: randomUUID(), epoch: '1.0' };
    const bytes = { isJson: true, data: Buffer.from(JSON.stringify(given)), metadata: Buffer.from('') };
    server.log.append('$$daybookLog-identity', 'no-stream', [
      { id: randomUUID(), type: '$metadata', ...bytes },
    ]);
    const identity = open(server).identity();
    await eventually(() => expect(server.calls.get('read')).toBeGreaterThan(1));
    confirm();
    expect(await identity).toEqual(given);
  });

  describe.each([
    [
      'truncated',
      async (to: EventStoreDBClient, stream: string) => {
        await to.setStreamMetadata(stream, { truncateBefore: 2 });
      },
    ],
    [
      'bounded',
      async (to: EventStoreDBClient, stream: string) => {
        await to.setStreamMetadata(stream, { maxCount: 1 });
      },
    ],
    [
      'deleted and begun anew',
      async (to: EventStoreDBClient, stream: string) => {
        await to.deleteStream(stream);
        await to.appendToStream(stream, jsonEvent({ type: 'Happened', data: {} }));
      },
    ],
  ] as const)('a stream that somebody %s', (_, damage) => {
    test('is told as a damage to the log by whoever needs to know it', async () => {
      const server = await started();
      const stream = newStream();
      const events = makeEvents(3);
      await open(server).append(stream, 'no-stream', events);
      await damage(client(server), stream);
      const mismatch = { code: 'log-mismatch', message: expect.stringContaining(stream) };
      for (const expected of ['any', 'stream-exists', 'no-stream', 1] as const) {
        await expect(open(server).append(stream, expected, makeEvents(1))).rejects.toMatchObject(mismatch);
      }
      await expect(open(server).find(stream, [events[0].id])).rejects.toMatchObject(mismatch);
      await expect(collect(open(server).read(stream))).rejects.toMatchObject(mismatch);
      await expect(collect(open(server).read(stream, { direction: 'backwards' }))).rejects.toMatchObject(
        mismatch,
      );
      expect(await collect(open(server).read(stream, { direction: 'backwards', limit: 1 }))).toHaveLength(1);
    });
  });

  test('a stream that somebody deleted is told as a damage to the log once it begins anew', async () => {
    const server = await started();
    const stream = newStream();
    const store = open(server);
    await store.append(stream, 'no-stream', makeEvents(2));
    await client(server).deleteStream(stream);
    await conflictOf(open(server).append(stream, 1, makeEvents(1)));
    await expect(open(server).append(stream, 'any', makeEvents(1))).rejects.toMatchObject({
      code: 'log-mismatch',
    });
  });
});
