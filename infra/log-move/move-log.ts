/**
 * Moves the log of an installation from one engine to another, and its consumers with it. Order of execution, and what a
 * death after each step means (in brackets the test that dies there):
 *
 * 1. Make sure that nobody works on the installation, that its events topic is whole, that the source is the log its
 *    consumers follow, and that the target holds nothing but the beginning of it. Nothing was changed.
 * 2. Copy what the target does not hold, in the order of the log. Dying: the target holds a beginning of the log, from
 *    whose end a repeat goes on [move-log.int.spec.ts "a death at logMove.copying is made up for by a repeat"].
 * 3. Read both from their beginnings, and compare event by event. Dying: as after 2
 *    [move-log.int.spec.ts "a death at logMove.copied is made up for by a repeat"].
 * 4. In one transaction let the consumers follow the target: see `follow-moved-log.ts`. It looks once more whether somebody
 *    is connected, and whether anything has changed since 1, with the table locked that everybody reads at their start.
 *    Dying: all of it or nothing [move-log.int.spec.ts "a death at logMove.switching is made up for by a repeat"].
 * 5. Where the events topic is on Kafka, remove the messages that 4 gave up, and then the note that says so. Dying: a
 *    repeat does it, and so does the next start, before anybody reads
 *    [move-log-on-kafka.engines.spec.ts "a death at logMove.emptied is made up for by a repeat"].
 * 6. Fill the events topic. Dying: a repeat goes on, and so does the relay of the next start
 *    [move-log.int.spec.ts "a death at logMove.switched is made up for by a repeat"].
 *
 * The source stays as it is.
 */
import type pg from 'pg';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { beginning, type Position } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { Log, Vault } from '@daybook/kernel/ports/outside.ts';
import { eventsTopic, topicContracts } from '@daybook/schemas/topics.ts';
import { refuseInUse } from '../backup/in-use.ts';
import type { Database } from '../database/database.ts';
import { compareLog, logMismatch } from '../event-store/compare-log.ts';
import { contractStore } from '../event-store/contract-store.ts';
import type { ImportedEvent } from '../event-store/import-events.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import type { MessageCodec } from '../registry/codec.ts';
import { removeFormerMessages } from '../topics/former-messages.ts';
import { positionsOf, readConsumerPlaces, type ConsumerPlaces } from './consumer-places.ts';
import { followMovedLog, type Followed } from './follow-moved-log.ts';
import type { MovableLog } from './movable-log.ts';
import type { MovableTopic } from './movable-topic.ts';
import { learnPositions, type MovedPositions } from './moved-positions.ts';
import { readInStep, type InStep } from './read-in-step.ts';
import { refillEventsTopic, type Refilled } from './refill-events-topic.ts';

export type MoveLogOptions = Readonly<{
  database: Database;
  /** The caller's own application name. */
  applicationName: string;
  from: MovableLog;
  to: MovableLog;
  /** The source is the log in the database itself. */
  fromDatabase: boolean;
  topic: MovableTopic;
  codec: Pick<MessageCodec, 'encodeEvent' | 'encodeEvents'>;
  vault: Vault;
  log: Log;
  onProgress?: (progress: MoveProgress) => void;
}>;

/** How far a step is. */
export type MoveProgress = Readonly<{ step: 'copy' | 'compare' | 'refill'; events: number }>;

/** What a move came to. */
export type MovedLog = Refilled &
  Readonly<{
    /** Null where an earlier run did all but fill the topic. */
    moved: (Pick<InStep, 'events' | 'hash'> & Pick<Followed, 'handedInAgain'> & Copied) | null;
  }>;

type Copied = Readonly<{
  /** Events that were copied now; an earlier run had copied the others. */
  copied: number;
  /** How long the copy took, in milliseconds. */
  tookMs: number;
}>;

/**
 * Moves the log and lets the consumers follow it. May be repeated after a death or a failure at any point.
 * @throws `maintenance-refused` where a Daybook runs or the target holds anything else · `log-mismatch` where the source is
 *   not what the consumers took in · `topic-lost` · `configuration-invalid` where the events topic is elsewhere, all with
 *   nothing changed · `unavailable` · `timeout`
 */
export async function moveLog(options: MoveLogOptions): Promise<MovedLog> {
  const { database, applicationName, topic } = options;
  return alone(database, async () => {
    await refuseInUse(database, applicationName, what);
    await topic.ensure();
    const moved = (await isFollowed(options)) ? null : await moveAll(options);
    await failpoint('logMove.switched');
    await removeFormerMessages(database, topic.upkeep);
    return { moved, ...(await refill(options)) };
  });
}

const what = 'moving the log';

/** Only one move at a time works on a database. The lock ends with its connection at the latest. */
async function alone<T>({ pool }: Database, work: () => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    const { rows } = await client.query<{ locked: boolean }>(
      `select pg_try_advisory_lock(hashtext('daybook migrate-log')) as locked`,
    );
    if (rows[0]?.locked !== true) {
      throw new DaybookError('maintenance-refused', 'The log is being moved already, by another process.');
    }
    return await work();
  } finally {
    await client.query('select pg_advisory_unlock_all()').catch(() => undefined);
    client.release(true);
  }
}

/**
 * Whether an earlier run has let the consumers follow the target.
 * @throws `log-mismatch` where they follow neither the source nor the target
 */
async function isFollowed({ database, from, to, fromDatabase }: MoveLogOptions): Promise<boolean> {
  const { followed, mismatch } = await compareLog(from.store, database);
  if (mismatch === null) {
    if (followed !== undefined || fromDatabase) return false;
    throw new DaybookError(
      'maintenance-refused',
      'No consumers of this database ever followed a log, so the one to move is not its own.',
    );
  }
  if (mismatch !== 'otherLog' || followed === undefined) throw logMismatch(mismatch);
  // A stranger's log has another event there.
  const { position, eventId } = followed;
  const witness = position === beginning ? null : (await to.store.at(position))?.id;
  if (witness !== eventId) throw logMismatch(mismatch);
  const again = await compareLog(to.store, database);
  if (again.mismatch !== null) throw logMismatch(again.mismatch);
  return true;
}

async function moveAll(options: MoveLogOptions): Promise<NonNullable<MovedLog['moved']>> {
  const { database, from, to, topic, onProgress = () => undefined } = options;
  await topic.expectReadable();
  const places = await readConsumerPlaces(database.pool, topic.upkeep);
  await to.expectUndamaged();
  const before = await readInStep(from.store, to.store, counted('compare', onProgress));
  await expectTwo(from.store, to.store);
  const copied = await copy(options, before);
  await failpoint('logMove.copied');
  const learner = learnPositions(positionsOf(places), await keptSince(database));
  const count = counted('compare', onProgress);
  const inStep = await readInStep(from.store, to.store, (pair) => {
    learner.see(pair);
    count();
  });
  if (!inStep.isWhole) throw changed();
  const followed = await follow(options, places, inStep, learner.learned());
  const { events, hash } = inStep;
  return { events, hash, handedInAgain: followed.handedInAgain, ...copied };
}

/** @throws `configuration-invalid` where both are one log */
async function expectTwo(from: EventStore, to: EventStore): Promise<void> {
  if ((await from.identity()).log !== (await to.identity()).log) return;
  throw new DaybookError(
    'configuration-invalid',
    'Both name one and the same log: there is nothing to move.',
  );
}

async function copy({ from, to, onProgress }: MoveLogOptions, before: InStep): Promise<Copied> {
  const began = performance.now();
  let copied = 0;
  if (!before.isWhole) {
    await to.take(pagesOf(from.store, before.source), (events) => {
      copied += events;
      onProgress?.({ step: 'copy', events: copied });
    });
  }
  return { copied, tookMs: performance.now() - began };
}

async function* pagesOf(store: EventStore, after: Position): AsyncGenerator<readonly ImportedEvent[]> {
  for await (const page of store.readAll({ after, pageSize: 1_000 })) {
    await failpoint('logMove.copying');
    yield page;
  }
}

/** When a message that the events topic still keeps was published at the earliest, ISO 8601. */
async function keptSince({ pool }: Database): Promise<string> {
  const { retentionMs } = topicContracts.find(({ name }) => name === eventsTopic) ?? {};
  if (retentionMs === undefined) return '';
  const { rows } = await pool.query<{ since: string }>(
    `select clock_timestamp() - $1 * interval '1 ms' as since`,
    [retentionMs],
  );
  return rows[0]?.since ?? '';
}

/** @throws `maintenance-refused` where somebody was at work meanwhile */
function follow(
  options: MoveLogOptions,
  places: ConsumerPlaces,
  inStep: InStep,
  moved: MovedPositions,
): Promise<Followed> {
  const { database, applicationName, from, to, topic } = options;
  return database.transaction(async (client) => {
    await lockOut(client);
    await refuseInUse(database, applicationName, what);
    const [head, target] = [await from.store.head(), await to.store.head()];
    const now = await readConsumerPlaces(client, topic.upkeep);
    const same = JSON.stringify(now) === JSON.stringify(places);
    if (head !== inStep.source || target !== inStep.target || !same) throw changed();
    const followed = await followMovedLog(client, {
      places,
      moved,
      identity: await to.store.identity(),
      head: target,
      headId: target === beginning ? null : ((await to.store.at(target))?.id ?? null),
      spans: topic.upkeep.relayInOneStep ? null : await topic.upkeep.spans(eventsTopic),
    });
    await failpoint('logMove.switching');
    return followed;
  });
}

/**
 * Whoever starts from here on waits at the tables that say where the topics are and which log is followed; whoever began
 * before is connected; and nobody appends to a log in this database. KEEP IN SYNC: log.append in ../database/migrations/0010-event-store.sql
 */
async function lockOut(client: pg.PoolClient): Promise<void> {
  await client.query('lock table topics.home, runtime.followed_log in access exclusive mode');
  await client.query('select pg_advisory_xact_lock(4230120)');
}

function changed(): DaybookError {
  return new DaybookError(
    'maintenance-refused',
    'The log or its consumers went on while the log was copied: a Daybook ran. Stop all of its processes and give the command again; what is copied is kept.',
  );
}

function refill(options: MoveLogOptions): Promise<Refilled> {
  const { database, from, to, topic, codec, vault, log, onProgress } = options;
  return refillEventsTopic({
    database,
    output: topic.output,
    stored: to.store,
    eventStore: contractStore(to.store, vault),
    former: from.store,
    codec,
    log,
    onProgress: (events) => onProgress?.({ step: 'refill', events }),
  });
}

function counted(step: MoveProgress['step'], onProgress: (progress: MoveProgress) => void): () => void {
  let events = 0;
  return () => {
    events += 1;
    if (events % 1_000 === 0) onProgress({ step, events });
  };
}
