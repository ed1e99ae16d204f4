import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  DeadlineExceededError,
  EventStoreDBClient,
  excludeSystemEvents,
  jsonEvent,
  StreamNotFoundError,
  WrongExpectedVersionError,
  type Position,
} from '@eventstore/db-client';
import { eventually } from '../../support/eventually.ts';
import { startStandIn, type StandIn } from './server.ts';

const some = (count: number): ReturnType<typeof jsonEvent>[] =>
  Array.from({ length: count }, (_, n) => jsonEvent({ type: 'Happened', data: { n } }));

describe('the stand-in for EventStoreDB, as its own client sees it', () => {
  let server: StandIn;
  let client: EventStoreDBClient;

  beforeEach(async () => {
    server = await startStandIn();
    client = EventStoreDBClient.connectionString(server.url);
  });

  afterEach(async () => {
    await client.dispose();
    await server.stop();
  });

  test('a subscription is told how far it is at intervals, and when it has caught up', async () => {
    await client.appendToStream('$system', some(70));
    const { position } = await client.appendToStream('a', some(1));
    const told: Position[] = [];
    const checkpointReached = (_: unknown, at: Position): void => void told.push(at);
    const filter = excludeSystemEvents({ checkpointInterval: 1, checkpointReached });
    const subscription = client.subscribeToAll({ filter });
    const seen: string[] = [];
    subscription.on('caughtUp', () => seen.push('caught up'));
    subscription.on('data', ({ event }) => seen.push(event?.streamId ?? ''));
    await eventually(() => expect(seen).toContain('caught up'));
    expect(seen.filter((what) => what !== '$system')).toEqual(['a', 'caught up']);
    const all = server.log.all().map((each) => each.position);
    expect(told.map(({ commit }) => commit)).toEqual([all[31], all[63], position?.commit]);
    await subscription.unsubscribe();
  });

  test('a subscription behind a position that is yet to come leaves out what comes before it', async () => {
    await client.appendToStream('a', some(1));
    const [first] = server.log.all();
    const ahead = (first?.position ?? 0n) + 400n;
    const subscription = client.subscribeToAll({ fromPosition: { commit: ahead, prepare: ahead } });
    const seen: bigint[] = [];
    subscription.on('data', ({ event }) => seen.push(event?.position.commit ?? 0n));
    await new Promise((resolve) => subscription.once('confirmation', resolve));
    await client.appendToStream('a', some(9));
    const behind = server.log.all().flatMap(({ position }) => (position > ahead ? [position] : []));
    await eventually(() => expect(seen).toEqual(behind));
    expect(behind.length).toBeLessThan(9);
    await subscription.unsubscribe();
  });

  test('a batched append has its deadline as a time of day: a client whose clock is behind has missed it', async () => {
    const late = client.appendToStream('a', some(1), { deadline: -60_000 });
    await expect(late).rejects.toBeInstanceOf(DeadlineExceededError);
    expect(server.log.all()).toEqual([]);
  });

  test('a deletion is judged as an append is', async () => {
    await client.appendToStream('a', some(2));
    const stale = client.deleteStream('a', { expectedRevision: 0n });
    await expect(stale).rejects.toBeInstanceOf(WrongExpectedVersionError);
    await client.deleteStream('a', { expectedRevision: 1n });
    const read = async (): Promise<unknown[]> => {
      const events = [];
      for await (const { event } of client.readStream('a')) events.push(Number(event?.revision));
      return events;
    };
    await expect(read()).rejects.toBeInstanceOf(StreamNotFoundError);
    await client.appendToStream('a', some(1), { expectedRevision: 'no_stream' });
    expect(await read()).toEqual([2]);
  });
});
