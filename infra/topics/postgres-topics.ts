import type { Log } from '@daybook/kernel/ports/outside.ts';
import type {
  DeadLetter,
  LetterWindow,
  OutMessage,
  SetAsideMessage,
  Topics,
} from '@daybook/kernel/ports/topics.ts';
import type { Database } from '../database/database.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import type { Wakeups } from '../database/wakeups.ts';
import { waitsBehind } from './group-ledger.ts';
import { makeTopics, type TopicsOptions } from './make-topics.ts';
import { partitionOf } from './partitioner.ts';
import { postgresLedger } from './postgres-group.ts';
import { newsOf } from './postgres-news.ts';
import { renewalOf } from './postgres-renewal.ts';
import { ask } from './postgres-statement.ts';
import { list, publishParameters, publishPlaceholders } from './publish-batch.ts';
import { makePublisher } from './publisher.ts';
import { defaultRetention, startRetention, type RetentionPolicy } from './retention.ts';
import { partitionMismatch, topicUnknown, type TopicEngine } from './topic-engine.ts';

type Engine = Readonly<{
  database: Database;
  log: Log;
  /** Default: every minute; a group without members holds messages back for 30 days. */
  retention?: Partial<RetentionPolicy>;
}>;

/**
 * Topics on PostgreSQL, the embedded default. Exactly what the port promises, with leases by the database's clock:
 * processes may be many, their clocks wrong.
 */
export function postgresTopics(options: Engine & TopicsOptions & { wakeups: Wakeups }): Topics {
  return makeTopics(postgresTopicEngine(options), options);
}

/** What a process knows of a topic; neither ever changes. */
export type TopicPlace = Readonly<{ id: number; name: string; partitions: number }>;

/** Group commit: measured best between 250 and 1,000 messages (test/load/p14.ts). */
const publishLimits = { maxMessages: 1_000, maxBytes: 8 * 1024 * 1024 };

/** The engine below `postgresTopics`; it begins to apply retention at once, until closed. */
export function postgresTopicEngine({ database, log, retention }: Engine): TopicEngine {
  const find = topicFinder(database);
  const shared = { news: newsOf(database), renew: renewalOf(database) };
  const publishers = new Map<string, ReturnType<typeof makePublisher>>();
  const upkeep = startRetention(database, { ...defaultRetention, ...retention }, log);

  const publisherOf = (name: string): ReturnType<typeof makePublisher> => {
    const known = publishers.get(name);
    if (known !== undefined) return known;
    const publisher = makePublisher(
      async (messages) => publish(database, await find(name), messages),
      publishLimits,
    );
    publishers.set(name, publisher);
    return publisher;
  };

  return {
    ensure: async (name, { partitions, retentionMs }) => {
      await failpoint('topics.ensuring');
      const rows = await ask<readonly [number]>(database, {
        name: 'topics.ensure',
        text: `with made as (
                 insert into topics.topics as t (name, partitions, retention_ms) values ($1, $2, $3)
                 on conflict (name) do update set retention_ms = excluded.retention_ms
                 returning t.topic_id, t.partitions
               ), laid as (
                 insert into topics.partitions (topic_id, partition)
                 select made.topic_id, n from made, generate_series(0, made.partitions - 1) n
                  where made.partitions = $2
                 on conflict do nothing
               )
               select partitions from made`,
        values: [name, partitions, retentionMs ?? null],
      });
      await failpoint('topics.ensured');
      const actual = rows[0]?.[0] ?? partitions;
      if (actual !== partitions) throw partitionMismatch(name, partitions, actual);
    },
    partitions: async (name) => (await find(name)).partitions,
    publish: (name, messages) => publisherOf(name).publish(messages),
    ledger: async (name, group, member) => postgresLedger(database, await find(name), group, member, shared),
    deadLetters: (name, group, window) => deadLetters(database, name, group, window),
    release: (id) => handBack(database, 'release', id),
    skip: (id) => handBack(database, 'skip', id),
    setAside: async (name, group, messages) => setAside(database, await find(name), group, messages),
    forget: async (name, group) => forget(database, await find(name), group),
    lag: async (name, group) => {
      const { id } = await find(name);
      const rows = await ask<readonly [number, number, number, number | null, string | null]>(database, {
        name: 'topics.lag',
        text: `select p.partition,
                      greatest(coalesce(c.next_offset, 0), coalesce(
                        (select m."offset" from topics.messages m
                          where m.topic_id = p.topic_id and m.partition = p.partition
                          order by m."offset" limit 1), p.end_offset)),
                      p.end_offset,
                      (select greatest(0, extract(epoch from clock_timestamp() - m.published_at) * 1000)::float8
                         from topics.messages m
                        where m.topic_id = p.topic_id and m.partition = p.partition
                          and m."offset" >= coalesce(c.next_offset, 0)
                        order by m."offset" limit 1),
                      (select min(d.first_parked_at) from topics.dead_letters d
                        where d.topic_id = p.topic_id and d.group_name = $2 and d.partition = p.partition
                          and d.parked and not d.released)
                 from topics.partitions p
                 left join topics.cursors c
                   on c.topic_id = p.topic_id and c.partition = p.partition and c.group_name = $2
                where p.topic_id = $1 order by p.partition`,
        values: [id, group],
      });
      return rows.map(([partition, next, end, waitingMs, oldestParkedAt]) => ({
        partition,
        next,
        end,
        ...(waitingMs === null ? {} : { waitingMs }),
        ...(oldestParkedAt === null ? {} : { oldestParkedAt }),
      }));
    },
    close: async () => {
      await Promise.all([...publishers.values()].map((publisher) => publisher.settled()));
      await upkeep.stop();
    },
  };
}

/** Looks a topic up once. @throws `unavailable` where it does not exist */
export function topicFinder(database: Database): (name: string) => Promise<TopicPlace> {
  const known = new Map<string, TopicPlace>();
  return async (name) => {
    const found = known.get(name);
    if (found !== undefined) return found;
    const rows = await ask<readonly [number, number]>(database, {
      name: 'topics.find',
      text: 'select topic_id, partitions from topics.topics where name = $1',
      values: [name],
    });
    const [row] = rows;
    if (row === undefined) throw topicUnknown(name);
    const place = { id: row[0], name, partitions: row[1] };
    known.set(name, place);
    return place;
  };
}

async function publish(
  database: Database,
  topic: TopicPlace,
  messages: readonly OutMessage[],
): Promise<void> {
  const statement = {
    name: 'topics.publish',
    text: `select topics.publish($1, ${publishPlaceholders(2)})`,
    values: [topic.id, ...publishParameters(messages, topic.partitions)],
  };
  await failpoint('topics.publishing');
  await ask(database, statement, 'commit');
  await failpoint('topics.published');
}

/** Answers with the topic's name; null where nothing was handed back. */
async function handBack(database: Database, how: 'release' | 'skip', letter: number): Promise<string | null> {
  const rows = await ask<readonly [string | null]>(database, {
    name: `topics.${how}`,
    text: `select topics.${how}($1)`,
    values: [letter],
  });
  return rows[0]?.[0] ?? null;
}

/** Members that hold a lease keep the group; the group's row is locked as by those who join. */
async function forget(database: Database, topic: TopicPlace, group: string): Promise<void> {
  await database.transaction(async (client) => {
    const { rowCount } = await client.query(
      `select from topics.groups g where g.topic_id = $1 and g.group_name = $2 and not exists (
         select from topics.members m where m.topic_id = g.topic_id and m.group_name = g.group_name
           and m.expires_at > clock_timestamp())
       for update`,
      [topic.id, group],
    );
    if (rowCount === 0) return;
    for (const table of ['dead_letters', 'members', 'cursors', 'groups']) {
      await client.query(`delete from topics.${table} where topic_id = $1 and group_name = $2`, [
        topic.id,
        group,
      ]);
    }
  });
}

async function setAside(
  database: Database,
  topic: TopicPlace,
  group: string,
  messages: readonly SetAsideMessage[],
): Promise<void> {
  await ask(database, {
    name: 'topics.set_aside',
    text: 'select topics.set_aside($1, $2, $3, $4, $5, $6::text[]::json[], $7, $8, $9)',
    values: [
      topic.id,
      group,
      list(messages.map(({ key }) => partitionOf(key, topic.partitions))),
      messages.map(({ id }) => id),
      messages.map(({ key }) => key),
      messages.map(({ headers }) => JSON.stringify(headers)),
      messages.map(({ value }) => Buffer.from(value)),
      messages.map(({ reason }) => reason.replaceAll('\0', '')),
      waitsBehind,
    ],
  });
}

type LetterRow = readonly [
  id: number,
  group: string,
  partition: number,
  offset: number,
  publishedAt: string,
  key: string,
  headers: Record<string, string>,
  value: Buffer,
  attempt: number,
  parked: boolean,
  reason: string,
  parkedAt: string,
];

async function deadLetters(
  database: Database,
  topic: string,
  group: string | undefined,
  window?: LetterWindow,
): Promise<readonly DeadLetter[]> {
  const rows = await ask<LetterRow>(database, {
    name: 'topics.dead_letters',
    text: `select d.letter_id, d.group_name, d.partition, d."offset", d.published_at, d.key, d.headers, d.value,
                  greatest(1, d.attempt), d.parked, d.reason, d.parked_at
             from topics.dead_letters d join topics.topics t using (topic_id)
            where t.name = $1 and ($2::text is null or d.group_name = $2) and not d.released
              and d.letter_id > $3 and (d.parked or not $4)
            order by d.letter_id limit $5`,
    values: [topic, group ?? null, window?.after ?? 0, window?.parkedOnly ?? false, window?.most ?? null],
  });
  return rows.map(
    ([id, own, partition, offset, publishedAt, key, headers, value, attempt, parked, reason, parkedAt]) => ({
      id,
      topic,
      group: own,
      message: { key, value, headers, partition, offset, publishedAt, attempt },
      parked,
      reason,
      parkedAt,
    }),
  );
}
