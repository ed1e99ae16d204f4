/**
 * Points 1 to 5 of what must hold after any fault: nothing lost, nothing doubled. Reads the database of a system that has
 * settled and answers with what is wrong; an empty list is a pass. The same code judges every fault test.
 */
import { isDeepStrictEqual } from 'node:util';
import { openDatabase, type Database } from '@daybook/infra/database/database.ts';
import { memoryWakeups } from '@daybook/infra/database/wakeups.ts';
import { contractStore } from '@daybook/infra/event-store/contract-store.ts';
import { postgresEventStore } from '@daybook/infra/event-store/postgres.ts';
import { makeMessageCodec } from '@daybook/infra/registry/codec.ts';
import { postgresSchemaRegistry } from '@daybook/infra/registry/postgres.ts';
import { projectionConsumer } from '@daybook/infra/runtime/checkpoints.ts';
import { foldBatch, touchesOf } from '@daybook/infra/runtime/fold-batch.ts';
import { sqlColumns, tableName, tenantColumn } from '@daybook/infra/runtime/sql-names.ts';
import { postgresTopics } from '@daybook/infra/topics/postgres-topics.ts';
import { memoryVault } from '@daybook/infra/vault/memory.ts';
import type { RecordedEvent } from '@daybook/kernel/event.ts';
import type { TopicMessage } from '@daybook/kernel/process.ts';
import type { AnyProjection, Row } from '@daybook/kernel/projection.ts';
import { canonical } from '@daybook/kernel/specification.ts';
import type { InMessage, Topics } from '@daybook/kernel/ports/topics.ts';
import { allProjections } from '@daybook/projectors/capabilities.ts';
import { eventsTopic, scrapeRequestsTopic } from '@daybook/schemas/contracts.ts';
import { eventually } from './eventually.ts';
import { silentLog } from './silent-log.ts';

/** A command that was answered with success. */
export type Acked = Readonly<{ tenantId: string; stream: string; position: string }>;

export type OracleInput = Readonly<{
  databaseUrl: string;
  acked: readonly Acked[];
  /** Ids of effects that the outside accepted, one entry for each acceptance. */
  outside?: readonly string[];
}>;

/** Everything that is wrong, in words. The system must run and have settled. */
export async function judge({ databaseUrl, acked, outside = [] }: OracleInput): Promise<readonly string[]> {
  const database = openDatabase({ url: databaseUrl, applicationName: 'oracle', log: silentLog });
  const wakeups = memoryWakeups();
  const store = contractStore(postgresEventStore({ database, wakeups, log: silentLog }), memoryVault());
  const topics = postgresTopics({ database, wakeups, log: silentLog });
  try {
    const events: RecordedEvent[] = [];
    for await (const page of store.readAll()) events.push(...page);
    const codec = makeMessageCodec({ registry: postgresSchemaRegistry(database) });
    const published = await Promise.all(
      (await readTopic(topics, eventsTopic)).map(async (message) => ({
        partition: message.partition,
        event: (await codec.decode(message)) as RecordedEvent,
      })),
    );
    const requests = await Promise.all(
      (await readTopic(topics, scrapeRequestsTopic)).map((message) => codec.decode(message)),
    );
    return [
      ...ackedAreStored(acked, events),
      ...logIsWhole(events),
      ...topicIsTheLog(events, published),
      ...(await readModelsAreFolds(database, events, published)),
      ...effectsHappenedOnce(events, requests, outside),
      ...(await nothingIsStuck(database)),
    ];
  } finally {
    await topics.close();
    await store.close();
    await database.close();
  }
}

/** Waits until nothing is under way: the relay is at the head, every group at its end, no effect waits. */
export async function settled(databaseUrl: string, withinMs = 60_000): Promise<void> {
  const database = openDatabase({ url: databaseUrl, poolSize: 1, applicationName: 'oracle', log: silentLog });
  try {
    await eventually(
      async () => {
        const { rows } = await database.pool.query<{ waits: string }>(underWaySql);
        if (rows.length > 0) throw new Error(`Still under way: ${rows.map(({ waits }) => waits).join(', ')}`);
      },
      { withinMs, everyMs: 100 },
    );
  } finally {
    await database.close();
  }
}

const underWaySql = `
  select 'relay' as waits from topics.relays r
  where r.position < (select lpad(coalesce(max(e.position), 0)::text, 20, '0') from log.events e)
  union all
  select t.name || ' ' || g.group_name from topics.groups g join topics.topics t using (topic_id)
  join topics.partitions p using (topic_id)
  left join topics.cursors c on c.topic_id = p.topic_id and c.partition = p.partition and c.group_name = g.group_name
  where coalesce(c.next_offset, 0) < p.end_offset and g.group_name not like 'oracle%'
  union all
  select 'effect of ' || process from runtime.effects where status = 'pending'
  union all
  select 'scrape of ' || host from scraping.requests where finished_at is null`;

/** 1. What was acknowledged is stored where the answer said. */
function ackedAreStored(acked: readonly Acked[], events: readonly RecordedEvent[]): readonly string[] {
  const byPosition = new Map<string, RecordedEvent>(events.map((event) => [event.position, event]));
  return acked.flatMap(({ tenantId, stream, position }) => {
    const event = byPosition.get(position);
    const stored = event?.stream === stream && event.metadata.tenantId === tenantId;
    return stored ? [] : [`acknowledged but not stored: ${stream} at ${position}`];
  });
}

/** 2. Streams have no holes, positions only grow, no event is there twice. */
function logIsWhole(events: readonly RecordedEvent[]): readonly string[] {
  const wrong: string[] = [];
  const revisions = new Map<string, number>();
  const ids = new Set<string>();
  let position = '';
  for (const event of events) {
    const expected = (revisions.get(event.stream) ?? -1) + 1;
    if (event.revision !== expected) {
      wrong.push(`${event.stream} goes from ${String(expected - 1)} to ${String(event.revision)}`);
    }
    revisions.set(event.stream, event.revision);
    if (event.position <= position) wrong.push(`position ${event.position} after ${position}`);
    position = event.position;
    if (ids.has(event.id)) wrong.push(`event ${event.id} is stored twice`);
    ids.add(event.id);
  }
  return wrong;
}

type Published = Readonly<{ partition: number; event: RecordedEvent }>;

/** 3. The topic holds every stored event, once after dedupe, in order for each key, and nothing else. */
function topicIsTheLog(events: readonly RecordedEvent[], published: readonly Published[]): readonly string[] {
  const wrong: string[] = [];
  const first = new Map<string, Published>();
  for (const one of published) if (!first.has(one.event.id)) first.set(one.event.id, one);
  const stored = new Map(events.map((event) => [event.id, event]));
  for (const event of events) {
    const { event: copy } = first.get(event.id) ?? {};
    if (copy === undefined) wrong.push(`not published: ${event.type} at ${event.position}`);
    else if (copy.position !== event.position || !isDeepStrictEqual(copy.data, event.data)) {
      wrong.push(`published differently: ${event.type} at ${event.position}`);
    }
  }
  const last = new Map<string, string>();
  for (const { event } of first.values()) {
    if (!stored.has(event.id)) wrong.push(`published but not stored: ${event.id}`);
    const { tenantId } = event.metadata;
    if ((last.get(tenantId) ?? '') >= event.position)
      wrong.push(`${tenantId} is out of order at ${event.position}`);
    last.set(tenantId, event.position);
  }
  return wrong;
}

/** 4. Each read model is the fold of the log, and its checkpoints stand at the last event of their partition. */
async function readModelsAreFolds(
  database: Database,
  events: readonly RecordedEvent[],
  published: readonly Published[],
): Promise<readonly string[]> {
  const wrong: string[] = [];
  const ends = new Map<number, string>();
  for (const { partition, event } of published) {
    if (event.position > (ends.get(partition) ?? '')) ends.set(partition, event.position);
  }
  for (const projection of allProjections) {
    const expected = foldBatch(projection, touchesOf(projection, events), new Map()).upserts;
    const want = expected.map(({ tenantId, row }) => line(projection, tenantId, row)).toSorted();
    const got = (await storedRows(database, projection)).toSorted();
    const missing = want.filter((text) => !got.includes(text));
    const extra = got.filter((text) => !want.includes(text));
    for (const text of missing.slice(0, 3)) wrong.push(`${projection.name} lacks ${text}`);
    for (const text of extra.slice(0, 3)) wrong.push(`${projection.name} has ${text}`);
    const { name, version } = projectionConsumer(projection);
    const { rows } = await database.pool.query<{ partition: number; position: string }>(
      'select partition, position from runtime.checkpoints where consumer = $1 and version = $2',
      [name, version],
    );
    for (const [partition, end] of ends) {
      const at = rows.find((row) => row.partition === partition)?.position;
      if (at !== end) wrong.push(`${name} is at ${String(at)} of ${end} in partition ${String(partition)}`);
    }
  }
  return wrong;
}

async function storedRows(database: Database, projection: AnyProjection): Promise<readonly string[]> {
  const columns = sqlColumns(projection);
  const names = [tenantColumn, ...columns.map(({ name }) => name)].join(', ');
  const { rows } = await database.pool.query<unknown[]>({
    text: `select ${names} from ${tableName(projection)}`,
    values: [],
    rowMode: 'array',
  });
  return rows.map(([tenantId, ...values]) => {
    const row = Object.fromEntries(columns.map(({ property }, index) => [property, values[index]]));
    return line(projection, String(tenantId), row);
  });
}

/** A row as one text; instants as moments, whatever their spelling. */
function line(projection: AnyProjection, tenantId: string, row: Row): string {
  const values = sqlColumns(projection).map(({ property, type }) => {
    const value = row[property] ?? null;
    return type === 'instant' && typeof value === 'string' ? Date.parse(value) : value;
  });
  return canonical([tenantId, ...values]);
}

type Observed = Readonly<{ observationId: string; requestId: string }>;

/** 5. Each requested page was recorded once, and the outside accepted each effect once. */
function effectsHappenedOnce(
  events: readonly RecordedEvent[],
  requests: readonly TopicMessage[],
  outside: readonly string[],
): readonly string[] {
  const wrong: string[] = [];
  const recorded = new Map<string, number>();
  const observations = new Set<string>();
  for (const { type, data } of events) {
    if (type !== 'PriceObserved' && type !== 'CheckFailed') continue;
    const { observationId, requestId } = data as Observed;
    if (observations.has(observationId)) wrong.push(`observation ${observationId} is recorded twice`);
    observations.add(observationId);
    recorded.set(requestId, (recorded.get(requestId) ?? 0) + 1);
  }
  for (const requestId of new Set(requests.map(({ data }) => (data as Observed).requestId))) {
    const count = recorded.get(requestId) ?? 0;
    if (count !== 1) wrong.push(`request ${requestId} was recorded ${String(count)} times`);
  }
  const accepted = new Map<string, number>();
  for (const id of outside) accepted.set(id, (accepted.get(id) ?? 0) + 1);
  for (const [id, count] of accepted)
    if (count > 1) wrong.push(`effect ${id} was accepted ${String(count)} times`);
  return wrong;
}

async function nothingIsStuck(database: Database): Promise<readonly string[]> {
  const { rows } = await database.pool.query<{ what: string }>(`
    select 'dead letter of ' || group_name || ': ' || reason as what from topics.dead_letters
    union all select 'effect given up by ' || process || ': ' || coalesce(reason, '')
    from runtime.effects where status = 'dead'`);
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
