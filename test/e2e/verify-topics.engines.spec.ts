import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Admin } from 'kafkajs';
import { eventStoreDb } from '@daybook/infra/event-store/event-store-db/event-store-db.ts';
import { kafkaClient } from '@daybook/infra/topics/kafka-client.ts';
import { eventsTopic } from '@daybook/schemas/topics.ts';
import { makeEvent } from '../contracts/event-store.subject.ts';
import { describeWithEngines } from '../engines/engine-suite.ts';
import { eventually } from '../support/eventually.ts';
import { startLoad } from '../support/load.ts';
import { judge, settled, type Acked } from '../support/oracle.ts';
import { startDaybook } from '../support/processes.ts';
import { silentLog } from '../support/silent-log.ts';
import { openOnEngines, type EnginesStage } from './real-engines.ts';
import { pageOf } from './stage.ts';

describeWithEngines(
  'topics in Kafka beside a log in EventStoreDB (stand-in)',
  ['kafka', 'registry'],
  (_, registry = '') => {
    let engines: EnginesStage;
    let admin: Admin;
    const acked: Acked[] = [];
    beforeAll(async () => {
      engines = await openOnEngines('one process', registry);
      admin = kafkaClient({ brokers: [engines.kafka.url] }, 'test', silentLog).admin();
      await admin.connect();
      await work();
    }, 240_000);
    afterAll(async () => {
      await admin.disconnect();
      await engines.close();
    }, 60_000);

    async function work(): Promise<void> {
      const { stage } = engines;
      const page = (n: number): string => `${pageOf(stage.shop, 'harbour-mug')}?n=${String(n)}`;
      const load = startLoad({ person: await stage.join(), page, pages: 3 });
      await load.acknowledged(20);
      await load.stop();
      acked.push(...load.acked());
      await settled(stage.system.databaseUrl, 60_000, stage.env);
    }

    async function command(...words: readonly string[]): Promise<string> {
      const run = startDaybook(words, engines.stage.env);
      return `${String(await run.ended)}\n${run.output()}`;
    }

    const judged = (republished = false): Promise<readonly string[]> => {
      const { system, env } = engines.stage;
      return judge({ databaseUrl: system.databaseUrl, env, acked, republished });
    };

    /** Events that are told to be missing: how many, and the first and last position. */
    function missingOf(told: string): Readonly<{ count: number; first: string; last: string }> {
      const pattern = /([\d,]+) events are missing, from position (\d{20}) to (\d{20})/;
      const [, count = '', first = '', last = ''] = pattern.exec(told) ?? [];
      return { count: Number(count.replaceAll(',', '')), first, last };
    }

    test('a topic that has everything is found whole, and there is nothing to publish again', async () => {
      expect(await command('verify', 'topics')).toMatch(
        /^0\ndaybook\.events\.v1: [\d,]+ events .* up to the relay's position \d{20}, .*Nothing is missing\.\n$/s,
      );
      expect(await command('republish')).toMatch(/^0\nNothing is missing on the topics/);
      expect(await judged()).toEqual([]);
    }, 60_000);

    test('messages that were removed are named, come back by one command, and change nothing for those who have them', async () => {
      const ends = await admin.fetchTopicOffsets(eventsTopic);
      const partitions = ends.map(({ partition, high }) => ({ partition, offset: high }));
      await admin.deleteTopicRecords({ topic: eventsTopic, partitions });
      const lost = partitions.reduce((sum, { offset }) => sum + Number(offset), 0);
      await work();
      const found = await command('verify', 'topics');
      expect(found).toMatch(/^1\n/);
      expect(found).toContain('"daybook republish" mends it');
      const { count, first, last } = missingOf(found);
      expect(count).toBe(lost);
      expect(first < last).toBe(true);
      expect(await command('republish')).toMatch(
        new RegExp(`^0\n[\\d,]+ events from position ${first} on were published once more`),
      );
      expect(await command('verify', 'topics')).toMatch(/^0\n.*Nothing is missing\..*messages are repeats/s);
      await settled(engines.stage.system.databaseUrl, 60_000, engines.stage.env);
      expect(await judged(true)).toEqual([]);
    }, 90_000);

    test('a part of the log is published again by its positions', async () => {
      const from = acked.map(({ position }) => position).toSorted()[0] ?? '';
      expect(await command('republish', '--from', from, '--to', from)).toMatch(/^0\n1 events from position/);
      expect(await command('republish', '--from', 'nowhere')).toMatch(
        /^2\nThe log has no event at --from nowhere/,
      );
      const between = String(BigInt(from) + 1n).padStart(20, '0');
      expect(await command('republish', '--from', between)).toMatch(/^2\nThe log has no event at --from/);
    }, 60_000);

    test('an event that nobody could publish, and somebody gave up, is told as that and passed over', async () => {
      const { system, env } = engines.stage;
      const store = eventStoreDb({ url: env['EVENTSTORE_URL'] ?? '', name: 'test' });
      const { position } = await store.append('thing-1', 'no-stream', [makeEvent()]);
      await store.close();
      const skipped = ['parked', 'skip', `relay-${position}`, '--reason', 'Nobody knows it.'];
      await eventually(async () => expect(await command(...skipped)).toMatch(/^0\n/), { withinMs: 30_000 });
      await work();
      await settled(system.databaseUrl, 60_000, env);
      expect(await command('verify', 'topics')).toMatch(
        /^0\n.*Nothing is missing\.\n +1 events were given up/s,
      );
      expect(await command('republish', '--from', position)).toMatch(/^0\n\d+ events from position/);
      expect(await command('verify', 'topics')).toMatch(
        /^0\n.*Nothing is missing\.\n +1 events were given up/s,
      );
    }, 90_000);
  },
);
