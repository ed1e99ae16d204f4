import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { startLoad } from '../support/load.ts';
import { judge, settled, type Acked } from '../support/oracle.ts';
import { startDaybook } from '../support/processes.ts';
import { openStage, pageOf, type Stage } from './stage.ts';

/** Topics beside the log, where both are in PostgreSQL; on Kafka by test/faults/kafka-topics-lost. */
let stage: Stage;
let acked: readonly Acked[];
let client: pg.Client;

beforeAll(async () => {
  stage = await openStage('one process');
  const person = await stage.join();
  const page = (n: number): string => `${pageOf(stage.shop, 'harbour-mug')}?n=${String(n)}`;
  const load = startLoad({ person, page, pages: 3 });
  await load.acknowledged(12);
  await load.stop();
  acked = load.acked();
  await settled(stage.system.databaseUrl);
  client = new pg.Client({ connectionString: stage.system.databaseUrl });
  await client.connect();
}, 90_000);
afterAll(async () => {
  await client.end();
  await stage.close();
});

async function command(...words: readonly string[]): Promise<string> {
  const run = startDaybook(words, stage.env);
  return `${String(await run.ended)}\n${run.output()}`;
}

test('a topic that has everything is found whole, and there is nothing to publish again', async () => {
  expect(await command('verify', 'topics')).toMatch(/^0\ndaybook\.events\.v1: .*Nothing is missing\.\n$/s);
  expect(await command('republish')).toMatch(/^0\nNothing is missing on the topics/);
});

test('what is gone is named, comes back by one command, and changes nothing for those who have it', async () => {
  const { rows } = await client.query<{ position: string }>(
    `delete from topics.messages where headers->>'ce_type' = 'ProductTracked' returning headers->>'ce_position' as position`,
  );
  const [first = ''] = rows.map(({ position }) => position).toSorted();
  const found = await command('verify', 'topics');
  expect(found).toMatch(/^1\n/);
  expect(found).toContain(`${String(rows.length)} events are missing, from position ${first} to`);
  expect(found).toContain('"daybook republish" mends it');
  expect(await command('republish')).toContain(`events from position ${first} on were published once more`);
  expect(await command('verify', 'topics')).toMatch(/^0\n.*messages are repeats/s);
  await settled(stage.system.databaseUrl);
  const { databaseUrl } = stage.system;
  expect(await judge({ databaseUrl, acked, republished: true })).toEqual([]);
}, 60_000);

test('a position that the log does not have is wrong usage', async () => {
  expect(await command('republish', '--from', 'nowhere')).toMatch(
    /^2\nThe log has no event at --from nowhere/,
  );
});
