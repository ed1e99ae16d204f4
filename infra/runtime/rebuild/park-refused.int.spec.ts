import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Topics } from '@daybook/kernel/ports/topics.ts';
import { beginning } from '@daybook/kernel/event.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { memoryTopics } from '../../topics/memory-topics.ts';
import { ensureCheckpoints, projectionConsumer } from '../checkpoints.ts';
import { releaseTakenIn } from './park-refused.ts';
import { things } from './rebuild.fixture.ts';

const topic = 'test.events.v1';
const projection = things();
const consumer = projectionConsumer(projection);

let opened: Awaited<ReturnType<typeof freshDatabase>>;
let topics: Topics;
beforeEach(async () => {
  opened = await freshDatabase();
  topics = memoryTopics();
  await topics.ensure(topic, { partitions: 1 });
});
afterEach(async () => {
  await topics.close();
  await opened.drop();
});

test('hands back what is parked of tenants held no more, without holding all letters at once', async () => {
  const { database } = opened;
  await ensureCheckpoints(database.pool, consumer, 1, beginning);
  await database.pool.query(
    `insert into runtime.holds (consumer, version, tenant_id, partition, position, reason)
     values ($1, $2, 'tenant 0', 0, '0', 'why')`,
    [consumer.name, consumer.version],
  );
  const tenants = Array.from({ length: 450 }, (_, n) => `tenant ${String(n)}`);
  await topics.setAside(
    topic,
    consumer.group,
    tenants.flatMap((key) =>
      [1, 2, 3].map((n) => ({
        key,
        value: Buffer.from('v'),
        headers: {},
        id: `${key} ${String(n)}`,
        reason: 'why',
      })),
    ),
  );
  const sizes: number[] = [];
  const watched: Topics = {
    ...topics,
    deadLetters: async (...args) => {
      const letters = await topics.deadLetters(...args);
      sizes.push(letters.length);
      return letters;
    },
  };
  await releaseTakenIn(database, {
    build: { consumer, projection: { handles: new Set() } },
    topic,
    topics: watched,
  });
  expect(sizes).toEqual([200, 200, 50]);
  const left = await topics.deadLetters(topic, consumer.group);
  expect(new Set(left.map(({ message }) => message.key))).toEqual(new Set(['tenant 0']));
});
