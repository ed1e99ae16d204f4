import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Topics } from '@daybook/kernel/ports/topics.ts';
import { defineProjection } from '@daybook/kernel/projection.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { memoryTopics } from '../topics/memory-topics.ts';
import { projectionConsumer } from './checkpoints.ts';
import { projectorReadiness } from './projector-readiness.ts';
import { ensureReadModel } from './read-models.ts';

const topic = 'events';
const projection = defineProjection<never, Readonly<{ id: string }>, 'id'>({
  name: 'cups',
  version: 3,
  table: { columns: { id: { type: 'text' } }, key: ['id'] },
  handles: [],
  keys: () => [],
  evolve: () => null,
});

let opened: Awaited<ReturnType<typeof freshDatabase>>;
beforeAll(async () => {
  opened = await freshDatabase();
  await ensureReadModel(opened.database, projection);
});
afterAll(() => opened.drop());

/** A topic to which one message was published so many milliseconds ago. */
async function published(agoMs: number): Promise<Topics> {
  // The broker's clock; the host's is an hour ahead of it.
  let nowMs = Date.now() - 3_600_000;
  const topics = memoryTopics({ clock: { now: () => new Date(nowMs).toISOString() } });
  await topics.ensure(topic, { partitions: 1 });
  await topics.publish(topic, [{ key: 'a', value: Buffer.from('1'), headers: {} }]);
  nowMs += agoMs;
  return topics;
}

describe('a projector', () => {
  const ready = (topics: Pick<Topics, 'lag'>) =>
    projectorReadiness({ projection, topic, topics, database: opened.database, mostLagMs: 60_000 });

  test('that is behind for a moment is ready, and says how far', async () => {
    const topics = await published(5_000);
    expect(await ready(topics)).toMatch(/^1 events behind for 5\.\d s$/);
    await topics.close();
  });

  test('that is behind for longer than it may be is not', async () => {
    const topics = await published(61_000);
    await expect(ready(topics)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(
        /^1 events behind for 61\.\d s, which is more than 60 s \(READY_MAX_LAG\)/,
      ),
    });
    await topics.close();
  });

  test('says how many tenants are held behind a parked event, and goes on being ready', async () => {
    const none = { lag: () => Promise.resolve([{ partition: 0, next: 4, end: 4 }]) };
    expect(await ready(none)).toBe('0 events behind');
    const { name, version } = projectionConsumer(projection);
    await opened.database.pool.query(
      `insert into runtime.holds (consumer, version, tenant_id, partition, position, reason)
       select $1, $2, tenant, 0, '0', 'why' from unnest(array['a', 'b']) tenant`,
      [name, version],
    );
    expect(await ready(none)).toBe('0 events behind; 2 tenants held behind a parked event');
  });
});
