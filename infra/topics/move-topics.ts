/**
 * Moves the topics of an installation between PostgreSQL and Kafka. No message is copied: what was published has been
 * taken in by everybody, and what comes is published at the other place. Order of execution, and what a death after each
 * step means (in brackets the test that dies there):
 *
 * 1. Make sure that nobody works on the installation, that its topics are at the source, and that nothing is under way there.
 *    What a move of the log has left on Kafka is removed
 *    [move-log-on-kafka.engines.spec.ts "topics that leave the cluster leave nothing of the former log there"].
 * 2. Make the topics at the target. Dying: they stand there, and a repeat confirms them
 *    [move-topics.engines.spec.ts "a death at topicsMove.made is made up for by a repeat"].
 * 3. In one transaction, and after all of 1 once more: every group goes to the end that its topic has at the target, what
 *    PostgreSQL kept of the messages is deleted, and the new place is noted. Dying: all of it or nothing
 *    [move-topics.engines.spec.ts "a death at topicsMove.switching is made up for by a repeat"].
 */
import type pg from 'pg';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { TopicSettings } from '@daybook/kernel/ports/topics.ts';
import { refuseInUse } from '../backup/in-use.ts';
import { translateDatabaseError, type Database } from '../database/database.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import { removeFormerMessages } from './former-messages.ts';
import type { KafkaSettings } from './kafka-client.ts';
import { kafkaClusterId } from './kafka-topics.ts';
import { kafkaTopicUpkeep } from './kafka-upkeep.ts';
import { list } from './publish-batch.ts';
import { isTopicUnknown } from './topic-engine.ts';
import { homeInDatabase, topicsElsewhere, topicsHome } from './topics-home.ts';
import type { TopicUpkeep } from './topic-upkeep.ts';

export type MoveTopicsOptions = Readonly<{
  database: Database;
  /** The caller's own application name. */
  applicationName: string;
  kafka: KafkaSettings;
  to: 'kafka' | 'postgresql';
  topics: readonly Readonly<{ name: string } & TopicSettings>[];
  log: Log;
}>;

export type MovedTopics = Readonly<{
  /** Id of the Kafka cluster, whichever way it went. */
  cluster: string;
  /** False where they were there already. */
  moved: boolean;
}>;

/** A partition, and the offset after its last message. */
type End = Readonly<{ topic: string; partition: number; end: number }>;

const what = 'moving the topics';

/**
 * May be repeated after a death or a failure at any point.
 * @throws `maintenance-refused` where a Daybook runs or messages are under way or set aside · `configuration-invalid` where the
 *   topics are elsewhere · `partition-mismatch`, all with nothing changed but topics made · `unavailable`
 */
export async function moveTopics(options: MoveTopicsOptions): Promise<MovedTopics> {
  const { database, applicationName, kafka, to, topics, log } = options;
  const cluster = await kafkaClusterId(kafka, applicationName, log);
  const [source, target] = to === 'kafka' ? [homeInDatabase, cluster] : [cluster, homeInDatabase];
  const home = (await topicsHome(database)) ?? source;
  if (home === target) return { cluster, moved: false };
  if (home !== source) throw topicsElsewhere(home, source);
  await refuseInUse(database, applicationName, what);
  const upkeep = kafkaTopicUpkeep({ settings: kafka, name: applicationName, database, log });
  try {
    const toKafka = to === 'kafka';
    if (!toKafka) {
      await expectWhole(upkeep, topics);
      await removeFormerMessages(database, upkeep);
      await expectAllTakenIn(database.pool, await endsOnKafka(upkeep, topics));
    } else {
      await expectAllTakenIn(database.pool);
      for (const { name, ...settings } of topics) await upkeep.remake(name, settings);
    }
    await failpoint('topicsMove.made');
    await database.transaction(async (client) => {
      // Whoever starts from here on waits for it; whoever began before is connected.
      await client.query('lock table topics.home in access exclusive mode');
      await refuseInUse(database, applicationName, what);
      const ends = await endsOnKafka(upkeep, topics);
      await expectAllTakenIn(client, toKafka ? undefined : ends);
      await goOnAt(client, ends, target);
      await failpoint('topicsMove.switching');
    });
    return { cluster, moved: true };
  } finally {
    await upkeep.close();
  }
}

/** What a topic lost counts as taken in where only its end is looked at. @throws `maintenance-refused` */
async function expectWhole(
  upkeep: Pick<TopicUpkeep, 'lossOf'>,
  topics: MoveTopicsOptions['topics'],
): Promise<void> {
  for (const { name } of topics) {
    const loss = await upkeep.lossOf(name).catch((error: unknown) => {
      if (isTopicUnknown(error)) return null;
      throw error;
    });
    if (loss === null) continue;
    throw new DaybookError(
      'maintenance-refused',
      `The topic ${name} lost messages, or it is another one than before: its groups would go on without them. Start Daybook as it was, give "daybook republish", let it come to an end with that, stop it, and give the command again.`,
    );
  }
}

async function endsOnKafka(
  upkeep: Pick<TopicUpkeep, 'spans'>,
  topics: MoveTopicsOptions['topics'],
): Promise<readonly End[]> {
  const ends: End[] = [];
  for (const { name } of topics) {
    const spans = (await upkeep.spans(name)) ?? [];
    ends.push(...spans.map(({ partition, high }) => ({ topic: name, partition, end: high })));
  }
  return ends;
}

/**
 * @param ends of the topics; absent: as PostgreSQL has them
 * @throws `maintenance-refused` naming who has not taken in what
 */
async function expectAllTakenIn(querier: Pick<pg.Pool, 'query'>, ends?: readonly End[]): Promise<void> {
  const columns = columnsOf(ends ?? []);
  const { rows } = await querier
    .query<{ waits: string }>(underWay, [ends !== undefined, ...columns])
    .catch((error: unknown) => {
      throw translateDatabaseError(error);
    });
  if (rows.length === 0) return;
  throw new DaybookError(
    'maintenance-refused',
    `Not everything is taken in that is on the topics: ${rows.map(({ waits }) => waits).join(', ')}. Start Daybook as it was, let it come to an end with that (retry or skip what "daybook parked list" shows), stop it, and give the command again.`,
  );
}

/** Groups that nobody took part in for 30 days have been given up, as retention has it. */
const underWay = `
  with ends as (
    select t.topic_id, t.name, p.partition, case when $1 then coalesce(e.reached, 0) else p.end_offset end as reached
    from topics.topics t join topics.partitions p using (topic_id)
    left join unnest($2::text[], $3::integer[], $4::bigint[]) e (topic, partition, reached)
      on e.topic = t.name and e.partition = p.partition)
  select format('%s of %s (%s messages)', g.group_name, e.name, sum(e.reached - coalesce(c.next_offset, 0))) as waits
  from ends e join topics.groups g using (topic_id)
  left join topics.cursors c
    on c.topic_id = e.topic_id and c.partition = e.partition and c.group_name = g.group_name
  where coalesce(c.next_offset, 0) < e.reached and g.seen_at > clock_timestamp() - interval '30 days'
  group by g.group_name, e.name
  union all
  select format('%s of %s (%s set aside)', l.group_name, t.name, count(*))
  from topics.dead_letters l join topics.topics t using (topic_id) group by l.group_name, t.name
  order by 1`;

function columnsOf(ends: readonly End[]): readonly unknown[] {
  return [
    ends.map(({ topic }) => topic),
    list(ends.map(({ partition }) => partition)),
    list(ends.map(({ end }) => end)),
  ];
}

/** In PostgreSQL offsets count on behind those of Kafka: they only ever grow. */
async function goOnAt(client: pg.PoolClient, ends: readonly End[], home: string): Promise<void> {
  await client.query(
    `update topics.partitions p set end_offset = e.reached
       from unnest($1::text[], $2::integer[], $3::bigint[]) e (topic, partition, reached)
       join topics.topics t on t.name = e.topic
      where p.topic_id = t.topic_id and p.partition = e.partition`,
    [...columnsOf(ends)],
  );
  await client.query('delete from topics.members');
  await client.query(
    `update topics.cursors c set next_offset = p.end_offset, owner = null, epoch = c.epoch + 1, attempts = 0,
            tried_to = 0, not_before = null
       from topics.partitions p where p.topic_id = c.topic_id and p.partition = c.partition`,
  );
  await client.query('delete from topics.messages');
  await client.query(
    `insert into topics.home (home) values ($1)
       on conflict (only_row) do update set home = excluded.home, noted_at = now()`,
    [home],
  );
}
