import type pg from 'pg';
import type { Position } from '@daybook/kernel/event.ts';
import type { LogIdentity } from '@daybook/kernel/ports/event-store.ts';
import { eventsTopic } from '@daybook/schemas/topics.ts';
import { noteFollowedLog } from '../event-store/followed-log.ts';
import { noteFormerMessages } from '../topics/former-messages.ts';
import type { PartitionSpan } from '../topics/topic-upkeep.ts';
import { forgetProjections } from '../runtime/forget-projections.ts';
import type { ConsumerPlaces, ProcessPlace } from './consumer-places.ts';
import type { MovedPositions } from './moved-positions.ts';

export type FollowOptions = Readonly<{
  places: ConsumerPlaces;
  moved: MovedPositions;
  identity: LogIdentity;
  /** The last event of the log. */
  head: Position;
  headId: string | null;
  /** Of the events topic where its messages are outside of the database; null where they are in it. */
  spans: readonly PartitionSpan[] | null;
}>;

/** What a database's consumers begin with on the moved log. */
export type Followed = Readonly<{
  /** The events topic is filled from behind this position. */
  refillAfter: Position;
  /** Messages that processes had set aside, which come again with the rest of the topic. */
  handedInAgain: number;
}>;

/**
 * Lets the consumers of a database follow a copy of their log, within the caller's transaction; nobody may be connected.
 * - Read models are forgotten: positions stand in them. The next start folds them from the log.
 * - Processes keep their states; their places become those of the same events in the copy. What a process has on the topic
 *   and has not taken in comes again, under its new position.
 * - The events topic is emptied, with what processes had set aside of it, and the relay set back: to what the topic's
 *   retention would have left on it, or further where a process needs more. Outside of the database it is noted that
 *   what stands there is given up, and `removeFormerMessages` follows.
 * - Answers that HTTP remembers and snapshots of states name positions and are dropped.
 */
export async function followMovedLog(client: pg.PoolClient, options: FollowOptions): Promise<Followed> {
  const { places, moved, identity, head, headId, spans } = options;
  await forgetProjections(client);
  await client.query(moveProcesses, [
    JSON.stringify(places.processes.map((place) => ({ ...place, position: newPlace(place, places, moved) }))),
  ]);
  await client.query(moveHolds, [
    JSON.stringify(places.holds.map((hold) => ({ ...hold, position: moved.at(hold.position) }))),
  ]);
  if (spans !== null) await noteFormerMessages(client, eventsTopic, spans);
  const handedInAgain = await emptyTopic(client);
  const refillAfter = firstNeeded(places, moved);
  await client.query(rewindRelay, [refillAfter]);
  await client.query('delete from runtime.idempotent_requests');
  await client.query('delete from runtime.snapshots');
  await noteFollowedLog(client, { ...identity, position: head, eventId: headId });
  return { refillAfter, handedInAgain };
}

/**
 * One that has taken in all there was on the topic is as far as the topic was. When it last moved stays: one that stood
 * still for longer than the topic keeps messages takes what it missed from the log.
 */
function newPlace(
  { position, atEnd }: ProcessPlace,
  { relay }: ConsumerPlaces,
  moved: MovedPositions,
): Position {
  return moved.at(atEnd && relay > position ? relay : position);
}

function firstNeeded({ relay, processes, holds }: ConsumerPlaces, moved: MovedPositions): Position {
  return [
    moved.beforeTime,
    moved.at(relay),
    ...processes.flatMap(({ unhandled }) => (unhandled === null ? [] : [moved.before(unhandled)])),
    ...holds.map(({ position }) => moved.at(position)),
  ].reduce((a, b) => (b < a ? b : a));
}

const moveProcesses = `
  update runtime.checkpoints c set position = m.position, moves = c.moves + 1
  from json_to_recordset($1::json) as m(consumer text, version integer, partition integer, position text)
  where c.consumer = m.consumer and c.version = m.version and c.partition = m.partition`;

const moveHolds = `
  update runtime.holds h set position = m.position
  from json_to_recordset($1::json) as m(consumer text, version integer, "tenantId" text, position text)
  where h.consumer = m.consumer and h.version = m.version and h.tenant_id = m."tenantId"`;

async function emptyTopic(client: pg.PoolClient): Promise<number> {
  const ofTopic = 'topic_id in (select topic_id from topics.topics where name = $1)';
  const { rowCount } = await client.query(`delete from topics.dead_letters where ${ofTopic}`, [eventsTopic]);
  await client.query(`delete from topics.messages where ${ofTopic}`, [eventsTopic]);
  await client.query(`delete from topics.members where ${ofTopic}`, [eventsTopic]);
  await client.query(
    `update topics.cursors c set owner = null, next_offset = p.end_offset, attempts = 0, tried_to = 0, not_before = null
     from topics.partitions p
     where p.topic_id = c.topic_id and p.partition = c.partition and c.${ofTopic}`,
    [eventsTopic],
  );
  return rowCount ?? 0;
}

const rewindRelay = `
  update topics.relays set position = $1, owner = null, expires_at = '-infinity', blocked_position = null,
    blocked_reason = null, blocked_event = null, blocked_attempts = 0, blocked_first_at = null, blocked_at = null`;
