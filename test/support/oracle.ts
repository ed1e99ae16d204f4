/**
 * Points 1 to 6 and 8 of what must hold after any fault: nothing lost, nothing doubled, nothing told. Reads the database of
 * a system that has settled and answers with what is wrong; an empty list is a pass. The same code judges every fault test.
 * What a stopped system leaves behind is told by `oracle-left-behind.ts`, how it came back by `oracle-recovery.ts`.
 */
import { openDatabase, type Database } from '@daybook/infra/database/database.ts';
import { memoryWakeups } from '@daybook/infra/database/wakeups.ts';
import { contractStore } from '@daybook/infra/event-store/contract-store.ts';
import { openStore } from '@daybook/infra/event-store/open-store.ts';
import { makeMessageCodec, type MessageCodec } from '@daybook/infra/registry/codec.ts';
import { postgresSchemaRegistry } from '@daybook/infra/registry/postgres.ts';
import { postgresTopics } from '@daybook/infra/topics/postgres-topics.ts';
import { memoryVault } from '@daybook/infra/vault/memory.ts';
import { isDaybookError } from '@daybook/kernel/errors.ts';
import type { RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { InMessage, Topics } from '@daybook/kernel/ports/topics.ts';
import type { TopicMessage } from '@daybook/kernel/process.ts';
import { eventsTopic, priceObservationsTopic, scrapeRequestsTopic } from '@daybook/schemas/contracts.ts';
import { eventually } from './eventually.ts';
import { effectsHappenedOnce } from './oracle-effects.ts';
import { ackedAreStored, logIsWhole, topicIsTheLog, type Acked } from './oracle-log.ts';
import { processesFollowTheLog } from './oracle-processes.ts';
import { readModelsAreFolds } from './oracle-read-models.ts';
import { secretsStaySealed, type Planted } from './oracle-secrets.ts';
import { silentLog } from './silent-log.ts';

export type { Acked } from './oracle-log.ts';

export type OracleInput = Readonly<{
  databaseUrl: string;
  /** Where the log is, if it is not in the database. */
  eventStoreUrl?: string;
  acked: readonly Acked[];
  /** Ids of effects that the outside accepted, one entry for each acceptance. */
  outside?: readonly string[];
  /** What must not be readable anywhere. */
  planted?: Planted;
  /** Everything that the processes wrote. */
  output?: string;
}>;

/** Everything that is wrong, in words. The system must run and have settled. */
export async function judge(input: OracleInput): Promise<readonly string[]> {
  const { databaseUrl, eventStoreUrl, acked, outside = [], planted = {}, output = '' } = input;
  const database = openDatabase({ url: databaseUrl, applicationName: 'oracle', log: silentLog });
  const wakeups = memoryWakeups();
  const store = contractStore(await openLog(database, eventStoreUrl), memoryVault());
  const topics = postgresTopics({ database, wakeups, log: silentLog, retention: { everyMs: 0 } });
  try {
    const events: RecordedEvent[] = [];
    for await (const page of store.readAll()) events.push(...page);
    const codec = makeMessageCodec({ registry: postgresSchemaRegistry(database) });
    const published = await readable(codec, await readTopic(topics, eventsTopic), (event, { partition }) => ({
      partition,
      event: event as RecordedEvent,
    }));
    const requests = await readable(
      codec,
      await readTopic(topics, scrapeRequestsTopic),
      (request) => request,
    );
    const observations = await readable(
      codec,
      await readTopic(topics, priceObservationsTopic),
      (observation) => observation,
    );
    const byTopic = new Map([
      [scrapeRequestsTopic, requests],
      [priceObservationsTopic, observations],
    ]);
    return [
      ...ackedAreStored(acked, events),
      ...logIsWhole(events),
      ...topicIsTheLog(events, published),
      ...(await readModelsAreFolds(database, events, published)),
      ...effectsHappenedOnce(events, requests, outside),
      ...(await processesFollowTheLog(database, events, { byTopic })),
      ...(await secretsStaySealed(database, planted, output)),
      ...(await nothingIsStuck(database)),
    ];
  } finally {
    await topics.close();
    await store.close();
    await database.close();
  }
}

function openLog(database: Database, url: string | undefined): Promise<EventStore> {
  return openStore({ settings: { url }, database, wakeups: memoryWakeups(), log: silentLog, name: 'oracle' });
}

/** Messages of a topic; what nobody can read is parked, which `nothingIsStuck` tells. */
async function readable<T>(
  codec: MessageCodec,
  messages: readonly InMessage[],
  as: (decoded: TopicMessage, message: InMessage) => T,
): Promise<readonly T[]> {
  const decoded: T[] = [];
  for (const message of messages) {
    try {
      decoded.push(as(await codec.decode(message), message));
    } catch (error) {
      if (!isDaybookError(error) || error.retry !== 'never') throw error;
    }
  }
  return decoded;
}

/** Waits until nothing is under way: the relay is at the head, every group at its end, no effect waits. */
export async function settled(databaseUrl: string, withinMs = 60_000, eventStoreUrl?: string): Promise<void> {
  const database = openDatabase({ url: databaseUrl, poolSize: 1, applicationName: 'oracle', log: silentLog });
  const store = await openLog(database, eventStoreUrl);
  try {
    await eventually(
      async () => {
        const { rows } = await database.pool.query<{ waits: string }>(underWaySql, [await store.head()]);
        if (rows.length > 0) throw new Error(`Still under way: ${rows.map(({ waits }) => waits).join(', ')}`);
      },
      { withinMs, everyMs: 100 },
    );
  } finally {
    await store.close();
    await database.close();
  }
}

const underWaySql = `
  select 'relay' as waits from topics.relays r
  where r.position < $1
  union all
  select t.name || ' ' || g.group_name from topics.groups g join topics.topics t using (topic_id)
  join topics.partitions p using (topic_id)
  left join topics.cursors c on c.topic_id = p.topic_id and c.partition = p.partition and c.group_name = g.group_name
  where coalesce(c.next_offset, 0) < p.end_offset and g.group_name not like 'oracle%'
  union all
  select 'effect of ' || process from runtime.effects where status = 'pending'
  union all
  select 'scrape of ' || host from scraping.requests where finished_at is null`;

async function nothingIsStuck(database: Database): Promise<readonly string[]> {
  const { rows } = await database.pool.query<{ what: string }>(`
    select 'dead letter of ' || group_name || ': ' || reason as what from topics.dead_letters
    union all select 'effect given up by ' || process || ': ' || coalesce(reason, '')
    from runtime.effects where status = 'dead'
    union all select 'parked timer of ' || process || ': ' || reason from runtime.timers where reason is not null
    union all select 'relay ' || name || ' before an event: ' || blocked_reason
    from topics.relays where blocked_position > position`);
  return rows.map(({ what }) => what);
}

/** All messages of a topic, by a group of its own. */
async function readTopic(topics: Topics, topic: string): Promise<readonly InMessage[]> {
  const group = `oracle ${crypto.randomUUID()}`;
  const messages: InMessage[] = [];
  const reading = new AbortController();
  const running = topics.run(
    topic,
    group,
    (batch) => {
      messages.push(...batch.messages);
      return Promise.resolve({ do: 'done' });
    },
    { signal: reading.signal },
  );
  await eventually(
    async () => {
      const lag = await topics.lag(topic, group);
      if (lag.some(({ next, end }) => next < end)) throw new Error(`${topic} was not read to its end.`);
    },
    { withinMs: 30_000 },
  );
  reading.abort();
  await running;
  return messages.toSorted((a, b) => a.partition - b.partition || a.offset - b.offset);
}
