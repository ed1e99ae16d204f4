/**
 * Bulk import: brings the events of another log into this one by COPY, as a move from another engine needs it. Order of
 * execution:
 *
 * 1. Take a batch from the source, and check what an append would check: names, ids, the contracts, that fields which are
 *    to be sealed are. Sealed values are kept as they come. Dying: nothing was written.
 * 2. In a transaction, take the lock that orders appends, and write the batch behind the last position. Dying: rolled
 *    back.
 * 3. Confirm that no stream has a hole, and commit. Dying: the batch is stored, whole.
 *
 * An import that died is repeated from its beginning: events that are stored already are passed over
 * [import-events.int.spec.ts "an import that was cut off goes on where it was"].
 */
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { beginning, type Position, type RecordedEvent } from '@daybook/kernel/event.ts';
import { isSealed } from '@daybook/kernel/ports/outside.ts';
import { contractFor } from '@daybook/schemas/contracts.ts';
import type { Database } from '../database/database.ts';
import type { Wakeups } from '../database/wakeups.ts';
import { checkEvent } from './contract-store.ts';
import { checkStreamName, storedForm } from './append-request.ts';
import { eventColumns } from './event-row.ts';
import { toPosition } from './position.ts';

/** An event as another log recorded it; its position there is of no meaning here. */
export type ImportedEvent = Omit<RecordedEvent, 'position'>;

export type ImportOptions = Readonly<{
  database: Database;
  wakeups: Pick<Wakeups, 'notify'>;
  /** In the order of the log they come from. */
  events: AsyncIterable<readonly ImportedEvent[]>;
  /** Least number of events in a transaction. Default 20 000. */
  batchSize?: number;
  /** Called after each transaction. */
  onProgress?: (imported: number, position: Position) => void;
}>;

export type Imported = Readonly<{
  /** Events written. */
  imported: number;
  /** Events passed over, since an earlier import wrote them. */
  present: number;
  /** Of the last event of the log. */
  position: Position;
}>;

/**
 * Imports events in their order, with their ids, revisions and times. Appends wait while a batch is written.
 * @throws `schema-unknown` · `schema-incompatible` (also for a field that should be sealed and is not) ·
 *   `revision-conflict` where a stream would have a hole, or has other events already · TypeError for malformed names and
 *   ids. What batches before it wrote stays.
 */
export async function importEvents(options: ImportOptions): Promise<Imported> {
  const { database, wakeups, events, batchSize = 20_000, onProgress } = options;
  let imported = 0;
  let present = 0;
  let position = beginning;
  let passingOver = true;
  for await (const batch of batches(events, batchSize)) {
    const left = passingOver ? await notStored(database, batch) : batch;
    present += batch.length - left.length;
    if (left.length === 0) continue;
    passingOver = false;
    position = await writeBatch(database, left);
    imported += left.length;
    wakeups.notify('log');
    onProgress?.(imported, position);
  }
  return { imported, present, position };
}

async function* batches(
  pages: AsyncIterable<readonly ImportedEvent[]>,
  size: number,
): AsyncGenerator<readonly ImportedEvent[]> {
  let batch: ImportedEvent[] = [];
  for await (const page of pages) {
    batch.push(...page);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** What follows the last event that is stored already, in the place that it has here. */
async function notStored(
  database: Database,
  batch: readonly ImportedEvent[],
): Promise<readonly ImportedEvent[]> {
  const { rows } = await database.pool.query<{ stored: number }>(
    `select count(*)::integer as stored
       from unnest($1::uuid[], $2::text[], $3::integer[]) i (id, stream, revision)
       join log.events e on e.id = i.id and e.stream = i.stream and e.revision = i.revision`,
    [batch.map(({ id }) => id), batch.map(({ stream }) => stream), batch.map(({ revision }) => revision)],
  );
  return batch.slice(rows[0]?.stored ?? 0);
}

async function writeBatch(database: Database, batch: readonly ImportedEvent[]): Promise<Position> {
  const firsts = firstRevisions(batch);
  return database.transaction(async (client) => {
    const last = await lockLog(client);
    try {
      await pipeline(
        Readable.from(copyLines(batch, last)),
        client.query(copyFrom(`copy log.events (${eventColumns}) from stdin`)),
      );
    } catch (error) {
      throw isUniqueViolation(error) ? await conflict(client, batch, error) : error;
    }
    await refuseHoles(client, firsts);
    return toPosition(last + batch.length);
  });
}

/** KEEP IN SYNC: log.append in ../database/migrations/0010-event-store.sql */
async function lockLog(client: pg.PoolClient): Promise<number> {
  await client.query('select pg_advisory_xact_lock(4230120)');
  const { rows } = await client.query<{ last: number }>(
    'select coalesce(max(position), 0) as last from log.events',
  );
  return rows[0]?.last ?? 0;
}

/** The first revision of each stream in a batch. @throws `revision-conflict` where one does not follow the other */
function firstRevisions(batch: readonly ImportedEvent[]): ReadonlyMap<string, number> {
  const firsts = new Map<string, number>();
  const lasts = new Map<string, number>();
  for (const { stream, revision } of batch) {
    const before = lasts.get(stream);
    if (before === undefined) firsts.set(stream, revision);
    else if (revision !== before + 1) throw outOfOrder(stream, revision);
    lasts.set(stream, revision);
  }
  return firsts;
}

async function refuseHoles(client: pg.PoolClient, firsts: ReadonlyMap<string, number>): Promise<void> {
  const going = [...firsts].filter(([, first]) => first > 0);
  if (going.length === 0) return;
  const { rows } = await client.query<{ stream: string; first: number }>(
    `select w.stream, w.first from unnest($1::text[], $2::integer[]) w (stream, first)
      where not exists (select from log.events e where e.stream = w.stream and e.revision = w.first - 1) limit 1`,
    [going.map(([stream]) => stream), going.map(([, first]) => first)],
  );
  const [hole] = rows;
  if (hole !== undefined) throw outOfOrder(hole.stream, hole.first);
}

/** About 64 KiB to a chunk: what goes to the socket at once. */
const eventsPerChunk = 100;

function* copyLines(batch: readonly ImportedEvent[], last: number): Generator<string> {
  let chunk = '';
  for (const [index, event] of batch.entries()) {
    chunk += copyLine(event, last + index + 1);
    if ((index + 1) % eventsPerChunk > 0) continue;
    yield chunk;
    chunk = '';
  }
  if (chunk !== '') yield chunk;
}

/** A row in COPY's text format, columns as in `eventColumns`. */
function copyLine(event: ImportedEvent, position: number): string {
  checkImported(event);
  const { id, type, data, metadata } = storedForm(event);
  const { revision, recordedAt, stream } = event;
  const name = escaped(stream);
  return `${String(position)}\t${String(revision)}\t${recordedAt}\t${id}\t${name}\t${type}\t${escaped(data)}\t${escaped(metadata)}\n`;
}

/** JSON text and checked names hold no control character: a backslash is all that COPY would take for something else. */
function escaped(text: string): string {
  return text.includes('\\') ? text.replaceAll('\\', '\\\\') : text;
}

const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

function checkImported(event: ImportedEvent): void {
  const { stream, revision, recordedAt, type, data } = event;
  checkStreamName(stream);
  if (!(Number.isSafeInteger(revision) && revision >= 0)) {
    throw new TypeError('A revision is a whole number from 0.');
  }
  if (!instant.test(recordedAt)) throw new TypeError('A time is ISO 8601 in UTC, with milliseconds.');
  checkEvent(event);
  for (const { field } of contractFor(type).sealed) {
    const value = (data as Readonly<Record<string, unknown>>)[field];
    if (typeof value !== 'string' || isSealed(value)) continue;
    throw new DaybookError('schema-incompatible', 'A field that is to be sealed comes in clear text.', {
      fields: { type, path: field },
    });
  }
}

function isUniqueViolation(error: unknown): boolean {
  return (error as { code?: unknown }).code === '23505';
}

/** Names the place of the log that is taken. The transaction is over: the caller rolls it back. */
async function conflict(
  client: pg.PoolClient,
  batch: readonly ImportedEvent[],
  cause: unknown,
): Promise<DaybookError> {
  await client.query('rollback');
  const { rows } = await client.query<{ stream: string; revision: number }>(
    `select i.stream, i.revision from unnest($1::uuid[], $2::text[], $3::integer[]) i (id, stream, revision)
      where exists (select from log.events e where e.id = i.id)
         or exists (select from log.events e where e.stream = i.stream and e.revision = i.revision) limit 1`,
    [batch.map(({ id }) => id), batch.map(({ stream }) => stream), batch.map(({ revision }) => revision)],
  );
  const [taken] = rows;
  return new DaybookError(
    'revision-conflict',
    'The log holds another event in this place, or this event twice.',
    {
      fields: { stream: taken?.stream, revision: taken?.revision },
      cause,
    },
  );
}

function outOfOrder(stream: string, revision: number): DaybookError {
  return new DaybookError(
    'revision-conflict',
    'An imported event does not follow the one before it in its stream.',
    {
      fields: { stream, revision },
    },
  );
}
