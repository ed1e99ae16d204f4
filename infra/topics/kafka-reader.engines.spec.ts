import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { describeWithEngines } from '@daybook/test/engines/engine-suite.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { kafkaClient } from './kafka-client.ts';
import { kafkaReader } from './kafka-reader.ts';

const kilobyte = Buffer.alloc(1_024, 'x');

describeWithEngines('a reader of Kafka', ['kafka'], (brokers) => {
  test('holds 1 MiB of a partition and what one answer brings beside it, however much waits', async () => {
    const kafka = kafkaClient({ brokers: brokers.split(',') }, 'spec', silentLog);
    const topic = `reader.${randomUUID()}`;
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: false });
    const producer = kafka.producer();
    await producer.connect();
    for (let n = 0; n < 16; n += 1) {
      const messages = Array.from({ length: 500 }, () => ({ value: kilobyte, partition: 0 }));
      await eventually(() => producer.send({ topic, messages }));
    }
    const reader = kafkaReader({
      ...{ kafka, topic, group: 'spec', log: silentLog },
      arrived: () => undefined,
      ends: () => Promise.resolve([]),
      reached: () => 0,
    });
    let before = 0;
    // Until it reads no further. Two looks within one pause of its reading would be equal too.
    const held = await eventually(
      () => {
        const { length } = reader.take(0, 0, Infinity);
        const settled = length >= 1_000 && length === before;
        before = length;
        if (!settled) throw new Error(`It goes on reading, with ${String(length)} held.`);
        return length;
      },
      { withinMs: 30_000, everyMs: 500 },
    );
    expect(held).toBeLessThanOrEqual(2_100);
    // It goes on behind what is taken, up to the end.
    let next = 0;
    await eventually(
      () => {
        const taken = reader.take(0, next, 500);
        next += taken.length;
        expect(next).toBe(8_000);
      },
      { withinMs: 30_000 },
    );
    await reader.close();
    await Promise.all([producer.disconnect(), admin.deleteTopics({ topics: [topic] })]);
    await admin.disconnect();
  }, 120_000);
});
