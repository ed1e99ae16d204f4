import { setTimeout as pause } from 'node:timers/promises';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { beginning, type Position, type RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { AnyProjection } from '@daybook/kernel/projection.ts';
import { translateDatabaseError, type Database } from '../database/database.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import { refusing } from './batch-handler.ts';
import {
  appliedUpTo,
  lockCheckpoints,
  projectionConsumer,
  type Checkpoint,
  type HoldChanges,
} from './checkpoints.ts';
import { foldBatch, touchesOf, type RowChanges } from './fold-batch.ts';
import { foldBuffer, type FoldBuffer } from './fold-buffer.ts';
import { readModelRows, type ReadModelRows } from './read-model-rows.ts';
import { tableName } from './sql-names.ts';
import type { PartitionOf } from './tenant-partitions.ts';

export type ProjectFromStoreOptions = Readonly<{
  /** Its version names the table, which exists with its checkpoints. */
  projection: AnyProjection;
  eventStore: EventStore;
  database: Database;
  partitionOf: PartitionOf;
  /** Events folded in one go. Default 500: larger pages outlive the young generation and cost more than they save. */
  pageSize?: number;
  signal: AbortSignal;
  /** Called after each transaction. */
  onProgress?: (events: number, upTo: Position) => void;
}>;

/** Rows, and events, after which what was folded is written: as much is repeated after a death. */
const rowsPerWrite = 2_000;
const eventsPerWrite = 20_000;

/** Pause between looks whether another process has finished. */
const takenMs = 250;

/**
 * Folds the log itself into a projection's table, from the least of its checkpoints to the present end; answers with
 * how many events it read.
 * 1. wait until no other process folds the log into this table, read the checkpoints,
 * 2. read a page of the log and fold it in memory, while the server writes what was folded before,
 * 3. with enough of it, write rows and the checkpoints of all partitions in one transaction.
 *
 * A death at any point leaves table and checkpoints as of the last write. Members that follow the topic may run beside
 * it: whoever finds a checkpoint moved by somebody else writes nothing and begins anew from there. Commits do not wait for
 * the disk: after a crash of the server rows and checkpoints are missing together.
 * @throws `unavailable` · `timeout`; what `evolve` throws, as the cause of an `InputRefused`
 */
export function projectFromStore(options: ProjectFromStoreOptions): Promise<number> {
  return takeTurns(options.database, () => foldAlone(options));
}

/** Folds of one process at a time: each holds up to four connections, and there is one thread to fold in. */
const mostAtOnce = 2;
const turns = new WeakMap<Database, Promise<unknown>[]>();

/** Runs work when fewer than `mostAtOnce` others on the same database are under way. */
async function takeTurns<T>(database: Database, work: () => Promise<T>): Promise<T> {
  const lanes = turns.get(database) ?? Array.from({ length: mostAtOnce }, () => Promise.resolve());
  turns.set(database, lanes);
  const before = lanes.shift();
  const own = (before ?? Promise.resolve()).then(work);
  lanes.push(own.catch(() => undefined));
  return own;
}

/** Folds while no other process folds into the same table. */
async function foldAlone(options: ProjectFromStoreOptions): Promise<number> {
  const { database, signal } = options;
  const { name, version } = projectionConsumer(options.projection);
  const lock = `fold ${name} ${String(version)}`;
  const client = await database.pool.connect().catch(rethrown);
  try {
    while (!(await taken(client, lock))) {
      if (signal.aborted) return 0;
      await pause(takenMs, undefined, { signal }).catch(() => undefined);
    }
    for (;;) {
      const events = await foldOnce(options);
      if (events !== 'overtaken') return events;
    }
  } finally {
    await client.query('select pg_advisory_unlock(hashtext($1))', [lock]).catch(() => undefined);
    client.release();
  }
}

async function taken(client: Pick<Database['pool'], 'query'>, lock: string): Promise<boolean> {
  const { rows } = await client
    .query<{ taken: boolean }>('select pg_try_advisory_lock(hashtext($1)) as taken', [lock])
    .catch(rethrown);
  return rows[0]?.taken === true;
}

async function foldOnce(options: ProjectFromStoreOptions): Promise<number | 'overtaken'> {
  const { projection, eventStore, database, signal, pageSize = 500 } = options;
  const consumer = projectionConsumer(projection);
  const rows = readModelRows(projection, consumer);
  let checkpoints = await database.transaction((client) => lockCheckpoints(client, consumer));
  const buffer = foldBuffer((touched) => rows.load(database.pool, touched).catch(rethrown), {
    tableWasEmpty: await isEmpty(database, projection),
  });
  let events = 0;
  let unwritten = 0;
  let upTo = beginning;
  let writing: Promise<boolean> = Promise.resolve(true);

  /** Waits for the write under way and begins the next; false where somebody else moved a checkpoint. */
  async function write(): Promise<boolean> {
    if (!(await writing)) return false;
    const end = upTo;
    const before = checkpoints;
    checkpoints = movedTo(before, end);
    unwritten = 0;
    const read = events;
    writing = writeMoves(database, rows, buffer.drain(), before, end).then((moved) => {
      if (moved) options.onProgress?.(read, end);
      return moved;
    });
    // A failure is seen when the next write waits for this one; until then it is nobody's unhandled rejection.
    writing.catch(() => undefined);
    return true;
  }

  for await (const page of eventStore.readAll({ after: least(checkpoints), pageSize })) {
    if (signal.aborted) break;
    await foldPage(page, buffer, checkpoints, options);
    events += page.length;
    unwritten += page.length;
    upTo = page.at(-1)?.position ?? upTo;
    if (buffer.waiting() < rowsPerWrite && unwritten < eventsPerWrite) continue;
    if (!(await write())) return 'overtaken';
  }
  if (unwritten > 0 && !(await write())) return 'overtaken';
  return (await writing) ? events : 'overtaken';
}

/** Before the first event that is missing anywhere. */
function least(checkpoints: readonly Checkpoint[]): Position {
  const all = checkpoints.flatMap(({ position, holds }) => [position, ...holds.values()]);
  return all.reduce((a, b) => (b < a ? b : a));
}

async function isEmpty(database: Database, projection: AnyProjection): Promise<boolean> {
  const { rows } = await database.pool.query(`select from ${tableName(projection)} limit 1`).catch(rethrown);
  return rows.length === 0;
}

async function foldPage(
  page: readonly RecordedEvent[],
  buffer: FoldBuffer,
  checkpoints: readonly Checkpoint[],
  { projection, partitionOf }: ProjectFromStoreOptions,
): Promise<void> {
  const missing: RecordedEvent[] = [];
  for (const event of page) {
    if (!projection.handles.has(event.type)) continue;
    const { tenantId } = event.metadata;
    const partition = partitionOf(tenantId);
    const checkpoint = checkpoints[typeof partition === 'number' ? partition : await partition];
    if (checkpoint !== undefined && event.position > appliedUpTo(checkpoint, tenantId)) missing.push(event);
  }
  const touches = refusing('projection', () => touchesOf(projection, missing));
  const present = await buffer.present(new Set(touches.map(({ row }) => row)));
  buffer.take(refusing('projection', () => foldBatch(projection, touches, present)));
}

async function writeMoves(
  database: Database,
  rows: ReadModelRows,
  changes: RowChanges,
  checkpoints: readonly Checkpoint[],
  upTo: Position,
): Promise<boolean> {
  const none: RowChanges = { upserts: [], deletes: [] };
  const batches = checkpoints.map(({ partition, position, moves, holds }, index) => ({
    move: { partition, position: upTo > position ? upTo : position, moves, fromStore: true },
    holds: holdsAt(position, holds, upTo),
    // The rows belong to all partitions; they are written only where every checkpoint moves.
    changes: index === 0 ? changes : none,
  }));
  try {
    await database.transaction(async (client) => {
      await client.query('set local synchronous_commit = off');
      const moved = await rows.write(client, batches);
      if (moved.size < batches.length) throw overtaken;
      await failpoint('fold.writing');
    });
    await failpoint('fold.written');
    return true;
  } catch (error) {
    if (error === overtaken) return false;
    throw error;
  }
}

/** Rolls a transaction back that moved some checkpoints and not others. */
const overtaken = new DaybookError('unavailable', 'Somebody else moved a checkpoint.', { retry: 'now' });

/** The checkpoints once everything up to a position is written. */
function movedTo(checkpoints: readonly Checkpoint[], upTo: Position): readonly Checkpoint[] {
  return checkpoints.map((checkpoint) => {
    const { position, moves, holds } = checkpoint;
    const left = [...holds]
      .map(([tenantId, held]) => [tenantId, held < upTo ? upTo : held] as const)
      .filter(([, held]) => held < position);
    return {
      ...checkpoint,
      position: upTo > position ? upTo : position,
      moves: moves + 1,
      holds: new Map(left),
    };
  });
}

/** Everything up to a position is in: holds before it move there, and end where the partition's checkpoint is no further. */
function holdsAt(position: Position, holds: Checkpoint['holds'], upTo: Position): HoldChanges {
  return new Map(
    [...holds]
      .filter(([, held]) => held < upTo)
      .map(([tenantId]) => [tenantId, upTo < position ? { position: upTo, reason: '' } : null]),
  );
}

function rethrown(error: unknown): never {
  throw translateDatabaseError(error);
}
