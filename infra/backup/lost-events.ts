import type pg from 'pg';
import type { Position, RecordedEvent } from '@daybook/kernel/event.ts';
import type { InMessage } from '@daybook/kernel/ports/topics.ts';
import type { MessageCodec } from '../registry/codec.ts';

/**
 * Events on the topic behind a position up to which it agrees with the log, in order: they were published, and the log
 * does not hold them.
 * @throws `schema-unknown` · `schema-incompatible` for one that this build cannot read
 */
export async function lostEvents(
  client: pg.PoolClient,
  codec: Pick<MessageCodec, 'decode'>,
  topic: string,
  agreed: Position,
): Promise<readonly RecordedEvent[]> {
  const { rows } = await client.query<InMessage>(
    `select distinct on (headers->>'ce_position') partition, "offset", key, headers, value,
       published_at as "publishedAt", 1 as attempt
     from topics.messages join topics.topics t using (topic_id)
     where t.name = $1 and headers->>'ce_position' > $2 collate "C"
     order by headers->>'ce_position'`,
    [topic, agreed],
  );
  const decoded = await Promise.all(rows.map((message) => codec.decode(message)));
  return decoded as RecordedEvent[];
}

/**
 * Removes lost events from their topic, with the dead letters made of them, and everything that they led to and that
 * nobody has recorded: effects that wait, and messages on other topics, with what those led to in turn.
 */
export async function removeLost(
  client: pg.PoolClient,
  topic: string,
  agreed: Position,
  lost: readonly RecordedEvent[],
): Promise<void> {
  for (const table of ['topics.messages', 'topics.dead_letters']) {
    await client.query(
      `delete from ${table} m using topics.topics t
       where t.topic_id = m.topic_id and t.name = $1 and m.headers->>'ce_position' > $2 collate "C"`,
      [topic, agreed],
    );
  }
  let causes: readonly string[] = lost.map(({ id }) => id);
  while (causes.length > 0) {
    await client.query(`delete from runtime.effects where metadata->>'causationId' = any($1)`, [causes]);
    causes = await removeLedTo(client, topic, causes);
    await client.query('delete from scraping.requests where request_id::text = any($1)', [causes]);
  }
}

/** Answers with the ids of the messages that were removed. */
async function removeLedTo(
  client: pg.PoolClient,
  eventsTopic: string,
  causes: readonly string[],
): Promise<readonly string[]> {
  const { rows } = await client.query<{ id: string }>(
    `with messages as (
       delete from topics.messages m using topics.topics t
       where t.topic_id = m.topic_id and t.name <> $1 and m.headers->>'ce_causationid' = any($2)
       returning m.headers->>'ce_id' as id
     ), letters as (
       delete from topics.dead_letters d using topics.topics t
       where t.topic_id = d.topic_id and t.name <> $1 and d.headers->>'ce_causationid' = any($2)
       returning d.headers->>'ce_id' as id
     )
     select id from messages union select id from letters`,
    [eventsTopic, causes],
  );
  return rows.map(({ id }) => id);
}
