/**
 * Brings consumers back to a log that is not what they took in: one that lost its end, or was restored under them. One
 * transaction; a death at any point leaves everything as it was [recover.int.spec.ts "a death leaves everything as it was"].
 *
 * 1. Find the last position up to which topic and log agree. What the topic holds behind it is of events that are lost.
 * 2. Take the lost events from the topic, with what only they led to: messages, dead letters, effects that wait. The relay
 *    goes on from there, and so does every process.
 * 3. Forget the read models: the next start folds them from the log.
 * 4. Make the states anew of those instances that took lost events in, or had caused them, from the log alone. What they
 *    did is not done again, but for what is lost with the events: those commands are sent again, under their ids.
 * 5. Hand messages of other topics in again whose outcome is lost.
 * 6. Begin an epoch of the log, unless a restore has, so that whoever else follows it finds out.
 */
import type pg from 'pg';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { beginning, type Position, type RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { AnyProcess } from '@daybook/kernel/process.ts';
import { eventsTopic } from '@daybook/schemas/topics.ts';
import type { Database } from '../database/database.ts';
import {
  compareLog,
  logMismatch,
  type LogComparison,
  type MismatchKind,
} from '../event-store/compare-log.ts';
import { noteFollowedLog } from '../event-store/followed-log.ts';
import { beginEpoch } from '../event-store/log-epoch.ts';
import { fromPosition, toPosition } from '../event-store/position.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import { forgetProjections } from '../runtime/forget-projections.ts';
import type { MessageCodec } from '../registry/codec.ts';
import { refuseInUse } from './in-use.ts';
import { lostEvents, removeLost } from './lost-events.ts';
import { remakeInstances } from './remake-instances.ts';

export type RecoverOptions = Readonly<{
  database: Database;
  /** The caller's own application name. */
  applicationName: string;
  /** Checked against the contracts, so that processes see events as they do when they run. */
  eventStore: EventStore;
  codec: Pick<MessageCodec, 'decode'>;
  processes: readonly AnyProcess[];
  log: Log;
}>;

/** What a recovery found and did. */
export type Recovered = Readonly<{
  mismatch: MismatchKind;
  /** Topic and log agree up to there. */
  agreed: Position;
  /** Events that were taken in and are not in the log. */
  lost: number;
  /** Instances of processes that were made anew. */
  instances: number;
}>;

/**
 * Brings consumers back to their log. Answers with null, and changes nothing, where they follow it already.
 * @throws `log-mismatch` for another log, which nothing can mend · `maintenance-refused` where a Daybook is running
 *   · `unavailable` · `timeout`
 */
export async function recoverConsumers(options: RecoverOptions): Promise<Recovered | null> {
  const { database, eventStore, applicationName } = options;
  await refuseInUse(database, applicationName, 'a recovery');
  const comparison = await compareLog(eventStore, database);
  const { mismatch } = comparison;
  if (mismatch === null) return null;
  if (mismatch === 'otherLog') throw logMismatch(mismatch);
  const head = await eventStore.head();
  return database.transaction(async (client) => {
    const agreed = await lastAgreed(client, comparison, head);
    const lost = await lostEvents(client, options.codec, eventsTopic, agreed);
    await removeLost(client, eventsTopic, agreed, lost);
    await client.query(rewind, [agreed]);
    await forgetProjections(client);
    const instances = await remake(client, options, lost, agreed);
    await handInAgain(client, lost);
    await client.query(endCursors);
    await newLife(client, comparison, head);
    await failpoint('recover.writing');
    return { mismatch, agreed, lost: lost.length, instances };
  });
}

/**
 * The last position up to which what was taken in is what the log holds: before the first message on the topic that is
 * not the log's, before a witness that is not, and not behind the log's end.
 */
async function lastAgreed(
  client: pg.PoolClient,
  { followed, mismatch, consumed }: LogComparison,
  head: Position,
): Promise<Position> {
  const { rows } = await client.query<{ first: Position | null }>(
    `select min(m.headers->>'ce_position') as first
     from topics.messages m join topics.topics t using (topic_id)
     left join log.events e on e.position = (m.headers->>'ce_position')::bigint
     where t.name = $1 and e.id is distinct from (m.headers->>'ce_id')::uuid`,
    [eventsTopic],
  );
  const differs = [rows[0]?.first, mismatch === 'rewritten' ? followed?.position : null];
  const before = differs.flatMap((position) => (position == null ? [] : [justBefore(position)]));
  return [consumed, head, ...before].reduce((a, b) => (b < a ? b : a));
}

function justBefore(position: Position): Position {
  return toPosition(fromPosition(position) - 1);
}

/**
 * Relay and processes go on from the position; what HTTP remembers may be an answer to a command that is lost. Parked
 * effects stay parked.
 */
const rewind = `
  with relay as (
    update topics.relays set position = least(position, $1), owner = null, expires_at = '-infinity'
  ), answers as (
    delete from runtime.idempotent_requests
  ), holds as (
    delete from runtime.holds h where not exists (
      select from topics.dead_letters d
      where 'process ' || d.group_name = h.consumer and d.key = h.tenant_id collate "C")
  )
  update runtime.checkpoints set position = $1, moves = moves + 1 where position > $1`;

/** Where the last messages of a partition are gone, a group has nothing left to handle. */
const endCursors = `
  update topics.cursors c set owner = null, next_offset = case when exists (
      select from topics.messages m
      where m.topic_id = c.topic_id and m.partition = c.partition and m."offset" >= c.next_offset)
    then c.next_offset else p.end_offset end
  from topics.partitions p where p.topic_id = c.topic_id and p.partition = c.partition`;

async function remake(
  client: pg.PoolClient,
  { eventStore, processes }: RecoverOptions,
  lost: readonly RecordedEvent[],
  agreed: Position,
): Promise<number> {
  if (lost.length === 0) return 0;
  let count = 0;
  for (const process of processes)
    count += await remakeInstances({ client, eventStore, process, lost, agreed });
  return count;
}

/**
 * Messages of other topics that processes took in by their ids, and whose outcome is lost: they are forgotten, and the
 * groups go back to them. What comes again besides is known by its id.
 */
async function handInAgain(client: pg.PoolClient, lost: readonly RecordedEvent[]): Promise<void> {
  const causes = lost.flatMap(({ metadata }) => metadata.causationId ?? []);
  const { rows } = await client.query<{ process: string; ids: string[] }>(
    `with forgotten as (delete from runtime.process_inputs where input_id = any($1) returning process, input_id)
     select process, array_agg(input_id) as ids from forgotten group by process`,
    [causes],
  );
  for (const { process, ids } of rows) {
    await client.query(
      `update topics.cursors c set next_offset = least(c.next_offset, m.first)
       from (select topic_id, partition, min("offset") as first from topics.messages
             where headers->>'ce_id' = any($2) group by topic_id, partition) m
       where c.group_name = $1 and c.topic_id = m.topic_id and c.partition = m.partition`,
      [process, ids],
    );
  }
}

async function newLife(
  client: pg.PoolClient,
  { identity, mismatch }: LogComparison,
  head: Position,
): Promise<void> {
  const current = mismatch === 'otherEpoch' ? identity : await beginEpoch(client, 'recovered', head);
  const { rows } = await client.query<{ id: string }>('select id from log.events where position = $1', [
    fromPosition(head),
  ]);
  if (rows.length === 0 && head > beginning) {
    throw new DaybookError('unavailable', 'The log changes while its consumers are recovered.', {
      retry: 'later',
    });
  }
  await noteFollowedLog(client, { ...current, position: head, eventId: rows[0]?.id ?? null });
}
