/** What nobody can handle, on Kafka: it is refused or parked with its reason, and others go on. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { memoryWakeups } from '@daybook/infra/database/wakeups.ts';
import { postgresEventStore } from '@daybook/infra/event-store/postgres.ts';
import { frame } from '@daybook/infra/registry/framing.ts';
import type { Topics } from '@daybook/kernel/ports/topics.ts';
import { eventsTopic } from '@daybook/schemas/topics.ts';
import { describeWithEngines } from '../engines/engine-suite.ts';
import { must } from '../support/caller.ts';
import { topicsOf } from '../support/engines-of.ts';
import { silentLog } from '../support/silent-log.ts';
import { goesOn } from './arena.ts';
import { openKafkaArena, type KafkaArena } from './kafka-arena.ts';
import { isBehind, isCurrent, junk, parkedOf, twoTenants } from './two-tenants.ts';

describeWithEngines(
  'messages that nobody can handle, on Kafka',
  ['kafka', 'registry'],
  (_, registry = '') => {
    let arena: KafkaArena;
    let topics: Topics;
    beforeAll(async () => {
      arena = await openKafkaArena(registry);
      topics = topicsOf(arena.database, arena.env);
    }, 240_000);
    afterAll(async () => {
      await topics.close();
      await arena.close();
    }, 60_000);

    /** Groups of the events topic but the process that does what is decided about what they park. */
    const consumers = async (): Promise<number> => {
      const { rows } = await arena.database.pool.query<{ count: string }>(
        `select count(distinct g.group_name) as count from topics.groups g join topics.topics t using (topic_id)
        where t.name = $1 and g.group_name not like 'oracle%'`,
        [eventsTopic],
      );
      return Number(rows[0]?.count) - 1;
    };

    test.each([
      ['bytes that are no message', Buffer.from('not a message')],
      ['a schema that nobody registered', frame(999_999, Buffer.alloc(16))],
    ])(
      '%s, from another producer: parked by each consumer, one tenant waits, the others go on',
      async (_name, value) => {
        const [sick, well, sickLoad, wellLoad] = await twoTenants(arena);
        await topics.publish(eventsTopic, [junk(sick.tenantId, value)]);
        await goesOn(sickLoad, 10);
        await goesOn(wellLoad, 10);
        const parked = await parkedOf(sick, await consumers());
        await isCurrent(well, wellLoad);
        await isBehind(sick, sickLoad);
        for (const { parkedId } of parked) {
          const path = `/v1/operations/parked/${parkedId}/skip`;
          must(await sick.call('POST', path, { body: { reason: 'A message of a test.' } }), 202);
        }
        await isCurrent(sick, sickLoad);
        await arena.clean();
      },
      240_000,
    );

    test('50 MB are refused by the broker and by the log; an event that the broker refuses is parked by the relay, and skipped by a person', async () => {
      const load = arena.load();
      await goesOn(load, 10);
      const large = junk(arena.person.tenantId, Buffer.alloc(50 * 1024 * 1024, 7));
      await expect(topics.publish(eventsTopic, [large])).rejects.toMatchObject({
        code: 'unavailable',
        retry: 'never',
      });
      await arena.clean();
      const { tenantId } = arena.person;
      const productId = load.acked()[0]?.stream.slice('product-'.length) ?? '';
      const eventStore = postgresEventStore({
        database: arena.database,
        wakeups: memoryWakeups(),
        log: silentLog,
      });
      const append = (mb: number): Promise<unknown> =>
        eventStore.append(`product-${productId}`, 'any', [
          {
            id: randomUUID(),
            type: 'ProductRenamed',
            data: { productId, name: 'x'.repeat(mb * 1024 * 1024) },
            metadata: {
              ...{ schemaVersion: 1, tenantId, commandId: randomUUID(), correlationId: randomUUID() },
              actor: { kind: 'system', id: 'test' },
            },
          },
        ]);
      await expect(append(50)).rejects.toThrow('An append has at most');
      await append(20);
      await eventStore.close();
      const [parked] = await parkedOf(arena.person, 1);
      expect(parked).toMatchObject({ consumer: 'relay events', reason: 'schema-incompatible' });
      const path = `/v1/operations/parked/${String(parked?.parkedId)}/skip`;
      must(await arena.person.call('POST', path, { body: { reason: 'It is of no use.' } }), 202);
      const others = arena.load();
      await goesOn(others, 10);
      await isCurrent(arena.person, others);
    }, 240_000);
  },
);
