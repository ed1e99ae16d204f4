import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { Batch, InMessage, SetAsideKeys, Verdict } from '@daybook/kernel/ports/topics.ts';
import type { AnyProjection, Row } from '@daybook/kernel/projection.ts';
import { coalesced } from '../database/coalesced.ts';
import type { Database } from '../database/database.ts';
import type { Wakeups } from '../database/wakeups.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import type { MessageCodec } from '../registry/codec.ts';
import { batchHandler, InputRefused, refusedOr, refusing } from './batch-handler.ts';
import { advanced, readCheckpoint, type Checkpoint, type Consumer } from './checkpoints.ts';
import { foldBatch, touchesOf, type RowChanges, type Touch } from './fold-batch.ts';
import {
  holdsWith,
  isIdle,
  movedCheckpoint,
  readInbox,
  type Arrival,
  type Beside,
  type Inbox,
  type Poison,
} from './inbox.ts';
import { readModelRows, type ReadModelRows, type WrittenBatch } from './read-model-rows.ts';
import { followedBuild } from './rebuild/builds.ts';

export type ProjectorOptions = Readonly<{
  projection: AnyProjection;
  codec: Pick<MessageCodec, 'decode'>;
  database: Database;
  wakeups: Pick<Wakeups, 'notify'>;
  log: Log;
}>;

/** Folds batches of the events topic into the read model. Batches of different partitions may come side by side. */
export type Projector = Readonly<{ handle: (batch: Batch) => Promise<Verdict> }>;

/** The channel that is signalled when a checkpoint of the projection moved. */
export function checkpointChannel(projection: string): string {
  return `checkpoint:${projection}`;
}

/**
 * Makes a projector. A batch goes (in brackets the test that dies after the step):
 * 1. read the partition's checkpoint (kept from the last batch), pass over what is at or below it, decode the rest
 *    [projector.int.spec.ts "a death after read neither loses nor doubles"],
 * 2. load all rows that the batch touches, fold in memory
 *    [projector.int.spec.ts "a death after folded neither loses nor doubles"],
 * 3. write rows and checkpoint with one statement, which is one transaction (what other partitions have to write at the
 *    same moment goes with it, each on its own condition)
 *    [projector.int.spec.ts "a death after written neither loses nor doubles"],
 * 4. signal those who wait for the position
 *    [projector.int.spec.ts "a death after notified neither loses nor doubles"],
 * 5. answer `done`, whereupon the topic moves the group on
 *    [projector.int.spec.ts "passes over what comes again, to the same member and to another"].
 *
 * A death in 1 or 2 leaves nothing behind, and the batch comes again. A death after 3 or 4 brings the batch again to the
 * member that follows, which passes over all of it; the signal of 4 is only a hint. Two members that take themselves for
 * the partition's owner meet in 3: the checkpoint's row takes one of them, the other finds another count of moves and
 * begins anew with nothing written. So does a batch that meets the switch to another build of the read model: what begins
 * anew looks which build is followed.
 *
 * What cannot be decoded, folded or stored is parked, and its tenant held at the event before; everything else goes on.
 * Failures of engines are never parked.
 */
export function makeProjector(options: ProjectorOptions): Projector {
  const { projection, database, log } = options;
  let followed: Promise<Followed> | undefined;

  /** The build that this version follows, with what is known of it. */
  function present(): Promise<Followed> {
    if (followed === undefined) {
      const opened = openFollowed(database, projection);
      followed = opened;
      opened.catch(() => {
        lookAgain(opened);
      });
    }
    return followed;
  }

  function lookAgain(outdated: Promise<Followed> | undefined): void {
    if (followed === outdated) followed = undefined;
  }

  /** Projects messages until the checkpoint it began with is still the one it moves. */
  async function project(
    partition: number,
    messages: readonly InMessage[],
    { poison, keys }: Readonly<{ poison?: Poison; keys?: SetAsideKeys }> = {},
  ): Promise<Inbox> {
    for (;;) {
      const opened = present();
      const own = await opened;
      const isOwn = own.known.has(partition);
      const checkpoint = await checkpointOf(own, partition);
      if (checkpoint === undefined) {
        lookAgain(opened);
        continue;
      }
      const inbox =
        poison === undefined
          ? await readInbox(messages, checkpoint, projection.handles, options.codec)
          : { arrivals: [], poison };
      await failpoint('projector.read');
      if (isIdle(inbox, keys)) return inbox;
      const beside = { isOwn, ...(keys === undefined ? {} : { keys }) };
      if (await settle(own, checkpoint, inbox, beside).catch(unlessOutdated(own))) return inbox;
      log.info('Somebody else moved the checkpoint; the batch begins anew.', {
        projection: projection.name,
        partition,
      });
      lookAgain(opened);
    }
  }

  /** Undefined where another build is followed by now. */
  async function checkpointOf(own: Followed, partition: number): Promise<Checkpoint | undefined> {
    const kept = own.known.get(partition);
    if (kept !== undefined) return kept;
    const checkpoint = await readCheckpoint(database.pool, own.consumer, partition).catch(
      unlessOutdated(own),
    );
    // A switch before this reading is found out here, a later one by the count of moves that was read.
    if (checkpoint === false || (await isOutdated(own))) return undefined;
    own.known.set(partition, checkpoint);
    return checkpoint;
  }

  async function isOutdated({ build }: Followed): Promise<boolean> {
    return (await followedBuild(database.pool, projection)).build !== build;
  }

  /** False for a failure with tables that are no longer the ones to write to, and may be dropped. */
  function unlessOutdated(own: Followed): (error: unknown) => Promise<false> {
    return async (error) => {
      if (await isOutdated(own)) return false;
      throw error;
    };
  }

  async function settle(
    own: Followed,
    checkpoint: Checkpoint,
    inbox: Inbox,
    beside: Omit<Beside, 'position'>,
  ): Promise<boolean> {
    const { position, holds } = advanced(checkpoint, inbox.arrivals);
    const allHolds = holdsWith(holds, checkpoint, inbox, { ...beside, position });
    const changes = await changesOf(own, inbox.arrivals);
    await failpoint('projector.folded');
    const { partition, moves } = checkpoint;
    const written = await own.write({ move: { partition, position, moves }, holds: allHolds, changes });
    if (!written()) return false;
    own.known.set(partition, movedCheckpoint(checkpoint, position, allHolds));
    await failpoint('projector.written');
    options.wakeups.notify(checkpointChannel(projection.name));
    await failpoint('projector.notified');
    return true;
  }

  async function changesOf({ load }: Followed, arrivals: readonly Arrival[]): Promise<RowChanges> {
    const events = arrivals.flatMap(({ event }) => (event === undefined ? [] : [event]));
    const touches = refusing('projection', () => touchesOf(projection, events));
    const stored = touches.length === 0 ? new Map<string, Row>() : (await load(touches))();
    return refusing('projection', () => foldBatch(projection, touches, stored));
  }

  return {
    handle: batchHandler({
      what: `projection ${projection.name}`,
      log,
      takeIn: project,
      forget: () => {
        followed = undefined;
      },
    }),
  };
}

/** The build that a projector writes to. */
type Followed = Readonly<{
  build: number;
  consumer: Consumer;
  /** Checkpoints by partition, as of the last look or write. */
  known: Map<number, Checkpoint>;
  load: (touches: readonly Touch[]) => Promise<Settled<ReadonlyMap<string, Row>>>;
  write: (batch: WrittenBatch) => Promise<Settled<boolean>>;
}>;

async function openFollowed(database: Database, projection: AnyProjection): Promise<Followed> {
  const build = await followedBuild(database.pool, projection);
  const rows = readModelRows(build);
  return {
    build: build.build,
    consumer: build.consumer,
    known: new Map(),
    // Partitions come in small batches side by side: what is read or written meanwhile goes together.
    load: coalesced((batches: readonly (readonly Touch[])[]) => loadTogether(database, rows, batches)),
    write: coalesced((batches: readonly WrittenBatch[]) => writeTogether(database, rows, batches)),
  };
}

/** Settles what was asked for together: an answer for each batch, or the throw where that batch is refused. */
type Settled<T> = () => T;

/** Loads the rows of several partitions' batches. */
function loadTogether(
  database: Database,
  rows: ReadModelRows,
  batches: readonly (readonly Touch[])[],
): Promise<readonly Settled<ReadonlyMap<string, Row>>[]> {
  return orEachByItself(batches, async (together) => {
    const touched = new Set(together.flatMap((touches) => touches.map(({ row }) => row)));
    const stored = await rows.load(database.pool, touched);
    return together.map(() => () => stored);
  });
}

/** Writes batches of several partitions; answers whether each was written. */
function writeTogether(
  database: Database,
  rows: ReadModelRows,
  batches: readonly WrittenBatch[],
): Promise<readonly Settled<boolean>[]> {
  return orEachByItself(batches, async (together) => {
    const moved = await rows.write(database.pool, together);
    return together.map(
      ({ move }) =>
        () =>
          moved.has(move.partition),
    );
  });
}

/** Where batches are refused together each goes by itself, so that only the one that is at fault is refused. */
async function orEachByItself<B, T>(
  batches: readonly B[],
  work: (together: readonly B[]) => Promise<readonly Settled<T>[]>,
): Promise<readonly Settled<T>[]> {
  try {
    return await work(batches);
  } catch (error) {
    const refused = refusedOr(error);
    if (!(refused instanceof InputRefused)) throw refused;
    if (batches.length === 1) return [failing(refused)];
    return (await Promise.all(batches.map((batch) => orEachByItself([batch], work)))).flat();
  }
}

function failing(error: Error): Settled<never> {
  return () => {
    throw error;
  };
}
