import { beginning, type Position, type RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { AnyProjection } from '@daybook/kernel/projection.ts';
import { refusing } from './batch-handler.ts';
import { translateDatabaseError, type Database } from '../database/database.ts';
import {
  appliedUpTo,
  lockCheckpoints,
  projectionConsumer,
  type Checkpoint,
  type HoldChanges,
} from './checkpoints.ts';
import { foldBatch, touchesOf } from './fold-batch.ts';
import { readModelRows, type ReadModelRows } from './read-model-rows.ts';
import type { PartitionOf } from './tenant-partitions.ts';

export type ProjectFromStoreOptions = Readonly<{
  /** Its version names the table, which exists with its checkpoints. */
  projection: AnyProjection;
  eventStore: EventStore;
  database: Database;
  partitionOf: PartitionOf;
  /** Events in one transaction. Default 2 000. */
  pageSize?: number;
  signal: AbortSignal;
  /** Called after each transaction. */
  onProgress?: (events: number, upTo: Position) => void;
}>;

/**
 * Folds the log itself into a projection's table, from the least of its checkpoints to the present end; answers with
 * how many events it read. Rows and checkpoints of all partitions move in one transaction a page, under the locks of all
 * checkpoints, so that it may run beside members that follow the topic, or twice.
 * @throws what `evolve` throws · `unavailable` · `timeout`
 */
export async function projectFromStore(options: ProjectFromStoreOptions): Promise<number> {
  const { projection, eventStore, database, signal } = options;
  const consumer = projectionConsumer(projection);
  const rows = readModelRows(projection, consumer);
  const checkpoints = await database.transaction((client) => lockCheckpoints(client, consumer));
  let events = 0;
  const { pageSize = 2_000 } = options;
  for await (const page of eventStore.readAll({ after: least(checkpoints), pageSize })) {
    if (signal.aborted) break;
    const upTo = page.at(-1)?.position ?? beginning;
    await database.transaction(async (client) => {
      const present = await lockCheckpoints(client, consumer);
      await applyPage(client, rows, present, page, upTo, options);
    });
    events += page.length;
    options.onProgress?.(events, upTo);
  }
  return events;
}

/** Before the first event that is missing anywhere. */
function least(checkpoints: readonly Checkpoint[]): Position {
  const all = checkpoints.flatMap(({ position, holds }) => [position, ...holds.values()]);
  return all.reduce((a, b) => (b < a ? b : a));
}

async function applyPage(
  client: Parameters<ReadModelRows['write']>[0],
  rows: ReadModelRows,
  checkpoints: readonly Checkpoint[],
  events: readonly RecordedEvent[],
  upTo: Position,
  { projection, partitionOf }: ProjectFromStoreOptions,
): Promise<void> {
  const byPartition = new Map(checkpoints.map((checkpoint) => [checkpoint.partition, checkpoint]));
  const missing: RecordedEvent[] = [];
  for (const event of events) {
    if (!projection.handles.has(event.type)) continue;
    const { tenantId } = event.metadata;
    const partition = partitionOf(tenantId);
    const checkpoint = byPartition.get(typeof partition === 'number' ? partition : await partition);
    if (checkpoint !== undefined && event.position > appliedUpTo(checkpoint, tenantId)) missing.push(event);
  }
  const touches = refusing('projection', () => touchesOf(projection, missing));
  const stored = await rows.load(client, new Set(touches.map(({ row }) => row))).catch(rethrown);
  const moves = checkpoints.map(({ partition, position, moves: count }) => ({
    partition,
    position: upTo > position ? upTo : position,
    moves: count,
  }));
  const changes = refusing('projection', () => foldBatch(projection, touches, stored));
  await rows.write(client, changes, moves, holdsAt(checkpoints, upTo)).catch(rethrown);
}

function rethrown(error: unknown): never {
  throw translateDatabaseError(error);
}

/** Everything up to a position is in: holds before it move there, and end where the partition's checkpoint is no further. */
function holdsAt(checkpoints: readonly Checkpoint[], upTo: Position): HoldChanges {
  return new Map(
    checkpoints.flatMap(({ position, holds }) =>
      [...holds]
        .filter(([, held]) => held < upTo)
        .map(([tenantId]) => [tenantId, upTo < position ? { position: upTo, reason: '' } : null] as const),
    ),
  );
}
