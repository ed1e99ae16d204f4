import { expect, test } from '@jest/globals';
import type { Consumer, EachBatchHandler, EachBatchPayload, Kafka } from 'kafkajs';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import type { Ends } from './kafka-admin.ts';
import { messageOf } from './kafka-message.ts';
import { kafkaReader, type KafkaReader } from './kafka-reader.ts';

const [topic, partition] = ['things', 0];
const standsStill = 'A consumer stands still before messages that are lost.';

/** A client whose consumers are led by hand: what they are told, and what they hand out. */
function led() {
  const orders: string[] = [];
  let hand: EachBatchHandler = () => Promise.resolve();
  let stopping = false;
  let crash: (event: unknown) => void = () => undefined;
  const told = (order: string): void => {
    if (stopping) throw new Error('Consumer group was not initialized, consumer#run must be called first');
    orders.push(order);
  };
  const consumer = {
    events: { CRASH: 'crash', END_BATCH_PROCESS: 'end' },
    on: (event: string, call: (event: unknown) => void) => {
      if (event === 'crash') crash = call;
    },
    connect: () => Promise.resolve(),
    disconnect: () => Promise.resolve(),
    subscribe: () => Promise.resolve(),
    run: ({ eachBatch }: { eachBatch: EachBatchHandler }) => {
      [hand, stopping] = [eachBatch, false];
      orders.push('run');
      return Promise.resolve();
    },
    seek: ({ offset }: { offset: string }) => {
      told(`seek ${offset}`);
    },
    pause: () => {
      told('pause');
    },
    resume: () => {
      told('resume');
    },
  };
  return {
    orders,
    kafka: { consumer: () => consumer as unknown as Consumer } as unknown as Kafka,
    stop: () => (stopping = true),
    crash: () => {
      crash({ payload: { error: new Error('gone') } });
    },
    /** Messages from an offset on, out of a fetch from another, by a broker that knows of so many. */
    hands: (fetched: number, offsets: readonly number[], highWatermark: number) => {
      const messages = offsets.map((offset) => ({
        ...{ key: Buffer.from('a'), value: Buffer.from(String(offset)), timestamp: '0', attributes: 0 },
        offset: String(offset),
      }));
      const batch = {
        ...{ topic, partition, messages, fetchedOffset: String(fetched) },
        highWatermark: String(highWatermark),
        lastOffset: () => String(offsets.at(-1)),
      };
      return hand({ batch, resolveOffset: () => undefined } as unknown as EachBatchPayload);
    },
  };
}

async function reading(ends: () => Promise<readonly Ends[]>, reached: number) {
  const client = led();
  const said: string[] = [];
  const log: Log = { ...silentLog, error: (text) => said.push(text) };
  const reader: KafkaReader = kafkaReader({
    ...{ kafka: client.kafka, topic, group: 'spec', ends, log },
    arrived: () => undefined,
    reached: () => reached,
  });
  await eventually(() => {
    expect(client.orders).toContain('run');
  });
  await new Promise((turn) => setImmediate(turn));
  const take = (from: number): readonly number[] =>
    reader.take(partition, from, 10).map(({ offset }) => offset);
  return { client, said, reader, take };
}

const ending = (low: number, high: number) => () => Promise.resolve([{ partition, low, high }]);

test('an answer that tells of less than there is by now is no loss', async () => {
  const { client, said, reader, take } = await reading(ending(0, 10), 10);
  take(3);
  await client.hands(3, [3, 4], 5);
  expect(said).toEqual([]);
  expect(take(3)).toEqual([3, 4]);
  await reader.close();
});

test('a partition that ends before what it is known to have reached is not read on', async () => {
  const { client, said, reader, take } = await reading(ending(0, 5), 10);
  take(3);
  await client.hands(3, [3, 4], 5);
  expect(said).toEqual([standsStill]);
  expect(take(3)).toEqual([]);
  await reader.close();
});

test.each([
  ['its end', 3, 5],
  ['its beginning', 4, 20],
])('a partition that is taken up elsewhere while %s is asked for is read on there', async (_, low, high) => {
  let answer: (ends: readonly Ends[]) => void = () => undefined;
  const asked = new Promise<readonly Ends[]>((resolve) => (answer = resolve));
  const { client, said, reader, take } = await reading(() => asked, 10);
  take(3);
  for (let n = 0; n < 3; n += 1) await client.hands(4, [4], high + 10);
  const received = client.hands(4, [4], high);
  reader.forget(partition);
  take(0);
  answer([{ partition, low, high }]);
  await received;
  expect(said).toEqual([]);
  expect(client.orders.slice(-2)).toEqual(['seek 0', 'resume']);
  await client.hands(0, [0], 20);
  expect(take(0)).toEqual([0]);
  await reader.close();
});

test('a consumer that stops by itself takes no orders; the next one is told the places', async () => {
  const { client, reader, take } = await reading(ending(0, 10), 0);
  client.stop();
  expect(take(7)).toEqual([]);
  expect(() => {
    reader.keep(new Set([partition]));
  }).not.toThrow();
  client.crash();
  await eventually(() => {
    expect(client.orders.slice(-2)).toEqual(['seek 7', 'resume']);
  });
  await reader.close();
});

test('a key that is no text is one that PostgreSQL can hold', () => {
  const record = { value: null, timestamp: '0', attributes: 0, offset: '1', headers: {} };
  expect(messageOf({ ...record, key: Buffer.from([0, 0, 0, 7]) }, 0).key).toBe('\uFFFD\uFFFD\uFFFD\u0007');
  expect(messageOf({ ...record, key: null }, 0)).toMatchObject({ key: '', value: Buffer.alloc(0) });
});
