import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { OutMessage, Topics } from '@daybook/kernel/ports/topics.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { memoryWakeups } from '../database/wakeups.ts';
import { onFailpoint } from '../failpoints/failpoint.ts';
import { formerMessages, noteFormerMessages, removeFormerMessages } from './former-messages.ts';
import { postgresTopics } from './postgres-topics.ts';
import { postgresTopicUpkeep, type TopicUpkeep } from './topic-upkeep.ts';

const topic = 'daybook.things.v1';

let fresh: Awaited<ReturnType<typeof freshDatabase>>;
let topics: Topics;
let upkeep: TopicUpkeep;
beforeEach(async () => {
  fresh = await freshDatabase();
  const { database } = fresh;
  topics = postgresTopics({
    database,
    wakeups: memoryWakeups(),
    log: silentLog,
    retention: { everyMs: 0 },
  });
  upkeep = postgresTopicUpkeep(database, topics);
  await topics.ensure(topic, { partitions: 2 });
});
afterEach(async () => {
  await topics.close();
  await fresh.drop();
});

const messages = (...texts: readonly string[]): readonly OutMessage[] =>
  texts.map((text) => ({ key: text, value: Buffer.from(text), headers: {} }));

async function left(): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { partition, low } of (await upkeep.spans(topic)) ?? []) {
    const read = await upkeep.read(topic, partition, low, 100);
    found.push(...read.map(({ value }) => Buffer.from(value).toString()));
  }
  return found.toSorted();
}

async function note(): Promise<void> {
  const spans = (await upkeep.spans(topic)) ?? [];
  await fresh.database.transaction((client) => noteFormerMessages(client, topic, spans));
}

test('what is noted is removed, whenever that is done, and nothing that was published since', async () => {
  const { database } = fresh;
  await topics.publish(topic, messages('a', 'b', 'c', 'd'));
  await note();
  await topics.publish(topic, messages('e', 'f', 'g', 'h'));
  const killed = onFailpoint('logMove.emptied', {
    does: () => {
      throw new Error('killed');
    },
  });
  await expect(removeFormerMessages(database, upkeep)).rejects.toThrow('killed');
  killed();
  expect((await formerMessages(database)).size).toBe(1);
  await topics.publish(topic, messages('i'));
  await Promise.all([removeFormerMessages(database, upkeep), removeFormerMessages(database, upkeep)]);
  expect([await left(), await formerMessages(database)]).toEqual([['e', 'f', 'g', 'h', 'i'], new Map()]);
  await removeFormerMessages(database, upkeep);
  expect(await left()).toHaveLength(5);
});

test('a note that was made anew meanwhile stays', async () => {
  const { database } = fresh;
  await topics.publish(topic, messages('a', 'b', 'c', 'd'));
  await note();
  const again = onFailpoint('logMove.emptied', {
    nth: 1,
    does: async () => {
      await topics.publish(topic, messages('e', 'f', 'g', 'h'));
      await note();
    },
  });
  await removeFormerMessages(database, upkeep);
  again();
  expect(await left()).toEqual(['e', 'f', 'g', 'h']);
  expect((await formerMessages(database)).size).toBe(1);
  await removeFormerMessages(database, upkeep);
  expect(await left()).toEqual([]);
});

test('of a topic where nothing was ever published nothing is noted', async () => {
  await note();
  expect(await formerMessages(fresh.database)).toEqual(new Map());
});
