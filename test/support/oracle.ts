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
import { memoryVault } from '@daybook/infra/vault/memory.ts';
import { isDaybookError } from '@daybook/kernel/errors.ts';
import type { RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { InMessage, Topics } from '@daybook/kernel/ports/topics.ts';
import type { TopicMessage } from '@daybook/kernel/process.ts';
import { eventsTopic, priceObservationsTopic, scrapeRequestsTopic } from '@daybook/schemas/contracts.ts';
import { registryOf, topicsOf, type EnginesEnv } from './engines-of.ts';
import { eventually } from './eventually.ts';
import { effectsHappenedOnce } from './oracle-effects.ts';
import { ackedAreStored, logIsWhole, topicIsTheLog, type Acked } from './oracle-log.ts';
import { processesFollowTheLog } from './oracle-processes.ts';
import { readModelsAreFolds } from './oracle-read-models.ts';
import { secretsStayOffTopics, secretsStaySealed, type Planted } from './oracle-secrets.ts';
import { silentLog } from './silent-log.ts';

export type { Acked } from './oracle-log.ts';

export type OracleInput = Readonly<{
  databaseUrl: string;
  /** Names the engines of the system, where they are not in its database. */
  env?: EnginesEnv;
  acked: readonly Acked[];
  /** Ids of effects that the outside accepted, one entry for each acceptance. */
  outside?: readonly string[];
  /** What must not be readable anywhere. */
  planted?: Planted;
  /** Everything that the processes wrote. */
  output?: string;
  /** Events were published once more after a topic had lost messages. */
  republished?: boolean;
}>;

/** Everything that is wrong, in words. The system must run and have settled. */
export async function judge(input: OracleInput): Promise<readonly string[]> {
  const { databaseUrl, env, acked, outside = [], planted = {}, output = '', republished } = input;
  const database = openDatabase({ url: databaseUrl, applicationName: 'oracle', log: silentLog });
  const store = contractStore(await openLog(database, env), memoryVault());
  const topics = topicsOf(database, env);
  try {
    const events: RecordedEvent[] = [];
    for await (const page of store.readAll()) events.push(...page);
    const codec = makeMessageCodec({ registry: await registryOf(database, env) });
    const [rawEvents, rawRequests, rawObservations] = await Promise.all([
      readTopic(topics, eventsTopic),
      readTopic(topics, scrapeRequestsTopic),
      readTopic(topics, priceObservationsTopic),
    ]);
    const raw = [...rawEvents, ...rawRequests, ...rawObservations];
    const published = await readable(codec, rawEvents, (event, { partition }) => ({
      partition,
      event: event as RecordedEvent,
    }));
    const requests = await readable(codec, rawRequests, (request) => request);
    const observations = await readable(codec, rawObservations, (observation) => observation);
    const byTopic = new Map([
      [scrapeRequestsTopic, requests],
      [priceObservationsTopic, observations],
    ]);
    return [
      ...ackedAreStored(acked, events),
      ...logIsWhole(events),
      ...topicIsTheLog(events, published, republished),
      ...(await readModelsAreFolds(database, events, published)),
      ...effectsHappenedOnce(events, requests, outside),
      ...(await processesFollowTheLog(database, events, { byTopic })),
      ...(await secretsStaySealed(database, planted, output)),
      ...secretsStayOffTopics(raw, planted),
      ...(await nothingIsStuck(database)),
    ];
  } finally {
    await topics.close();
    await store.close();
    await database.close();
  }
}

function openLog(database: Database, env: EnginesEnv = {}): Promise<EventStore> {
  const settings = { url: env['EVENTSTORE_URL'] };
  return openStore({ settings, database, wakeups: memoryWakeups(), log: silentLog, name: 'oracle' });
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
export async function settled(databaseUrl: string, withinMs = 60_000, env?: EnginesEnv): Promise<void> {
  const database = openDatabase({ url: databaseUrl, poolSize: 1, applicationName: 'oracle', log: silentLog });
  const topics = topicsOf(database, env);
  const store = await openLog(database, env);
  try {
    await eventually(
      async () => {
        const before = await progress(database);
        const { rows } = await database.pool.query<{ waits: string }>(underWaySql, [await store.head()]);
        const waiting = [...rows.map(({ waits }) => waits), ...(await groupsUnderWay(database, topics))];
        if (waiting.length > 0) throw new Error(`Still under way: ${waiting.join(', ')}`);
        // Topics are looked at one after the other: what moved on meanwhile may have been overlooked.
        if ((await progress(database)) !== before) throw new Error('Still under way: something moved on.');
      },
      { withinMs, everyMs: 100 },
    );
  } finally {
    await Promise.all([topics.close(), store.close()]);
    await database.close();
  }
}

/** A text that is another one once anything was taken a step further. */
async function progress(database: Database): Promise<string> {
  const { rows } = await database.pool.query<unknown[]>({
    rowMode: 'array',
    text: `select (select coalesce(max(position), 0) from log.events), (select max(position) from topics.relays),
      (select sum(next_offset) from topics.cursors where group_name not like 'oracle%'),
      (select count(*) from scraping.requests where finished_at is not null),
      (select count(*) from runtime.effects where status <> 'pending')`,
  });
  return JSON.stringify(rows);
}

/** Groups that are not at the end of their topic, wherever its messages are. */
async function groupsUnderWay(database: Database, topics: Topics): Promise<readonly string[]> {
  const { rows } = await database.pool.query<{ topic: string; group: string }>(
    `select t.name as topic, g.group_name as group from topics.groups g join topics.topics t using (topic_id)
     where g.group_name not like 'oracle%'`,
  );
  const under: string[] = [];
  for (const { topic, group } of rows) {
    const lag = await topics.lag(topic, group);
    if (lag.some(({ next, end }) => next < end)) under.push(`${topic} ${group}`);
  }
  return under;
}

const underWaySql = `
  select 'relay' as waits from topics.relays r
  where r.position < $1
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

/** Ids of the requests to scrape that are on their topic. */
export async function requestsOnTopic(databaseUrl: string, env?: EnginesEnv): Promise<readonly string[]> {
  const database = openDatabase({ url: databaseUrl, applicationName: 'oracle', log: silentLog });
  const topics = topicsOf(database, env);
  try {
    const messages = await readTopic(topics, scrapeRequestsTopic);
    return messages.flatMap(({ headers }) => headers['ce_id'] ?? []);
  } finally {
    await topics.close();
    await database.close();
  }
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
  await topics.forget(topic, group);
  return messages.toSorted((a, b) => a.partition - b.partition || a.offset - b.offset);
}
