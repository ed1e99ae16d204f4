import { setTimeout as pause } from 'node:timers/promises';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { beginning, type Position } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { AnyProjection } from '@daybook/kernel/projection.ts';
import { translateDatabaseError, type Database } from '../database/database.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import { refusedOr } from './batch-handler.ts';
import { lockCheckpoints, type Querier } from './checkpoints.ts';
import { readModelRows, type ReadModelRows, type WrittenBatch } from './read-model-rows.ts';
import { readModelBuild, type ReadModelBuild } from './rebuild/builds.ts';
import { foldPass, refusalOf, WriteRefused, type FoldPassOptions } from './rebuild/fold-pass.ts';
import type { FoldTarget, Refusal } from './rebuild/fold-target.ts';
import { skippedEvents } from './rebuild/skipped-events.ts';
import type { PartitionOf } from './tenant-partitions.ts';

export type ProjectFromStoreOptions = Readonly<{
  projection: AnyProjection;
  /** Which build of it: its table and checkpoints exist. Default: the first. */
  build?: number;
  eventStore: EventStore;
  database: Database;
  partitionOf: PartitionOf;
  /** Where to end, asked anew where the fold has to begin again. Default: the present end of the log. */
  target?: () => Promise<FoldTarget>;
  /** Asked where somebody else moved a checkpoint: whether to begin again. Default: always. */
  isNeeded?: () => Promise<boolean>;
  /** Events that cannot be taken in, by tenant; those that are met are added. Default: none known. */
  refusals?: Map<string, Refusal>;
  /** Events folded in one go. Default 500. */
  pageSize?: number;
  /** Part of the time that it works, above 0; for the rest of it, it pauses. Default 1. */
  share?: number;
  signal: AbortSignal;
  /** Called after each transaction. */
  onProgress?: (events: number, upTo: Position) => void;
}>;

/** Pause between looks whether another process has finished. */
const takenMs = 250;

/**
 * Folds the log itself into the table of a build, from the least of its checkpoints to the end asked for; answers with
 * how many events it read (in brackets the test that dies there).
 * 1. wait until no other process folds the log into this table, read the checkpoints,
 * 2. read a page of the log and fold it in memory, while the server writes what was folded before
 *    [rebuild.int.spec.ts "a death at fold.writing leaves a rebuild to be resumed"],
 * 3. with enough of it, write rows and the checkpoints of all partitions in one transaction
 *    [rebuild.int.spec.ts "a death at fold.written leaves a rebuild to be resumed"].
 *
 * A death at any point leaves table and checkpoints as of the last write. Members that follow the topic may run beside
 * it: whoever finds a checkpoint moved by somebody else writes nothing and begins anew from there. Commits do not wait for
 * the disk: after a crash of the server rows and checkpoints are missing together.
 *
 * An event that cannot be folded, or whose outcome the database refuses, holds its tenant back at the event before it;
 * all others go on. It stands in `refusals` and, as the tenant's hold, in the database. One that somebody gave up is left
 * out.
 * @throws `unavailable` · `timeout`
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
  const build = readModelBuild(options.projection, options.build);
  const { name, version } = build.consumer;
  const lock = `fold ${name} ${String(version)}`;
  const client = await database.pool.connect().catch(rethrown);
  // Whether the session may hold the lock still: then it does not go back into the pool.
  let inDoubt = false;
  const asked = (): Promise<boolean> =>
    taken(client, lock).catch((error: unknown) => {
      inDoubt = true;
      throw error;
    });
  try {
    while (!(await asked())) {
      if (signal.aborted) return 0;
      await pause(takenMs, undefined, { signal }).catch(() => undefined);
    }
    return await foldPatiently(build, options);
  } finally {
    await client.query('select pg_advisory_unlock(hashtext($1))', [lock]).catch(() => {
      inDoubt = true;
    });
    client.release(inDoubt);
  }
}

async function taken(client: Querier, lock: string): Promise<boolean> {
  const { rows } = await client
    .query<{ taken: boolean }>('select pg_try_advisory_lock(hashtext($1)) as taken', [lock])
    .catch(rethrown);
  return rows[0]?.taken === true;
}

/** Begins again where somebody else moved a checkpoint, and where the database refuses what was folded. */
async function foldPatiently(build: ReadModelBuild, options: ProjectFromStoreOptions): Promise<number> {
  const { partitionOf, refusals = new Map<string, Refusal>(), isNeeded } = options;
  const skipped = await skippedEvents(options.database.pool, options.projection.name);
  const leftOut = new Set<string>();
  let careful = beginning;
  for (;;) {
    try {
      const events = await foldOnce(build, { ...options, refusals, careful, skipped, leftOut });
      if (events !== 'overtaken') return events;
      // Members that follow the topic move on faster than a pass ends.
      if ((await isNeeded?.()) === false) return 0;
    } catch (error) {
      if (!(error instanceof WriteRefused)) throw error;
      const { event, upTo, message } = error;
      // Among many written together one is at fault: up to there each then goes by itself.
      careful = upTo;
      if (event === null) continue;
      if (skipped.has(event.id) && !leftOut.has(event.id)) {
        leftOut.add(event.id);
        continue;
      }
      const { tenantId } = event.metadata;
      refusals.set(tenantId, refusalOf(event, await partitionOf(tenantId), error.heldAt, message));
    }
  }
}

async function foldOnce(
  build: ReadModelBuild,
  options: ProjectFromStoreOptions & Pick<FoldPassOptions, 'refusals' | 'careful' | 'skipped' | 'leftOut'>,
): Promise<number | 'overtaken'> {
  const { database, target = () => Promise.resolve('head' as const) } = options;
  const rows = readModelRows(build);
  return foldPass({
    ...options,
    build,
    checkpoints: await database.transaction((client) => lockCheckpoints(client, build.consumer)),
    target: await target(),
    load: (touched) => rows.load(database.pool, touched).catch(refused),
    write: (batches) => writeMoves(database, rows, batches),
    tableWasEmpty: await isEmpty(database.pool, build),
  });
}

/** Whether a build has no rows. */
export async function isEmpty(querier: Querier, { table }: ReadModelBuild): Promise<boolean> {
  const { rows } = await querier.query(`select from ${table} limit 1`).catch(rethrown);
  return rows.length === 0;
}

async function writeMoves(
  database: Database,
  rows: ReadModelRows,
  batches: readonly WrittenBatch[],
): Promise<boolean> {
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
    return refused(error);
  }
}

/** Rolls a transaction back that moved some checkpoints and not others. */
const overtaken = new DaybookError('unavailable', 'Somebody else moved a checkpoint.', { retry: 'now' });

function refused(error: unknown): never {
  throw refusedOr(error);
}

function rethrown(error: unknown): never {
  throw translateDatabaseError(error);
}
