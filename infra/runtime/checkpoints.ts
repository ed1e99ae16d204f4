import { DaybookError } from '@daybook/kernel/errors.ts';
import type { Position } from '@daybook/kernel/event.ts';
import type { AnyProjection } from '@daybook/kernel/projection.ts';
import { translateDatabaseError, type Database } from '../database/database.ts';
import { failpoint } from '../failpoints/failpoint.ts';

/** Anything that can run a statement: the pool, or a connection within a transaction. */
export type Querier = Pick<Database['pool'], 'query'>;

/** Who keeps checkpoints: a projection's version or a process. Also the name of its consumer group. */
export type Consumer = Readonly<{ name: string; version: number; group: string }>;

/**
 * Each version of a projection is a consumer group of its own: while two versions run side by side, during a rolling
 * restart, neither takes messages from the other. Builds of one version have checkpoints of their own and share the
 * group, which goes on with the build that is followed.
 */
export function projectionConsumer(
  { name, version }: Pick<AnyProjection, 'name' | 'version'>,
  build = 1,
): Consumer {
  const ofBuild = build === 1 ? '' : ` build ${String(build)}`;
  return { name: name + ofBuild, version, group: `${name}.v${String(version)}` };
}

/** A process has no versions: its instances are stored as states, not as tables. */
export function processConsumer(process: Readonly<{ name: string }>): Consumer {
  return { name: `process ${process.name}`, version: 1, group: process.name };
}

/** How far a consumer is in one partition. */
export type Checkpoint = Readonly<{
  partition: number;
  position: Position;
  /** Commits so far. Whoever moves the checkpoint names the count it knows, and fails where it is another. */
  moves: number;
  /** Positions of tenants of which a message is parked, behind `position`. */
  holds: ReadonlyMap<string, Position>;
}>;

type CheckpointRow = Readonly<{
  partition: number;
  position: Position;
  moves: number;
  holds: Record<string, Position> | null;
}>;

const selectCheckpoints = `
  select c.partition, c.position, c.moves,
    (select json_object_agg(h.tenant_id, h.position) from runtime.holds h
     where h.consumer = c.consumer and h.version = c.version and h.partition = c.partition) as holds
  from runtime.checkpoints c where c.consumer = $1 and c.version = $2`;

/** Makes the checkpoint of each partition, at a position where none is. */
export async function ensureCheckpoints(
  querier: Querier,
  { name, version }: Consumer,
  partitions: number,
  position: Position,
): Promise<void> {
  await failpoint('checkpoints.making');
  await querier.query(
    `insert into runtime.checkpoints (consumer, version, partition, position)
     select $1, $2, partition, $4 from generate_series(0, $3::integer - 1) partition
     on conflict do nothing`,
    [name, version, partitions, position],
  );
  await failpoint('checkpoints.made');
}

/** Reads the checkpoint of one partition. @throws `unavailable`, also where there is none: nobody follows there yet */
export async function readCheckpoint(
  querier: Querier,
  { name, version }: Consumer,
  partition: number,
): Promise<Checkpoint> {
  const { rows } = await querier
    .query<CheckpointRow>({
      name: 'checkpoint of a partition',
      text: `${selectCheckpoints} and c.partition = $3`,
      values: [name, version, partition],
    })
    .catch((error: unknown) => {
      throw translateDatabaseError(error);
    });
  const [row] = rows;
  if (row !== undefined) return toCheckpoint(row);
  throw new DaybookError('unavailable', 'The consumer has no checkpoint in this partition.', {
    fields: { consumer: name, version, partition },
  });
}

/** Reads all checkpoints of a consumer and keeps them locked to the end of the transaction. */
export async function lockCheckpoints(
  querier: Querier,
  { name, version }: Consumer,
): Promise<readonly Checkpoint[]> {
  // The lock comes first and by itself: a statement that waits for it would show what stood before the wait.
  await querier.query(
    `select from runtime.checkpoints where consumer = $1 and version = $2 order by partition for update`,
    [name, version],
  );
  return readCheckpoints(querier, { name, version });
}

/** All checkpoints of a consumer as of one moment. */
export async function readCheckpoints(
  querier: Querier,
  { name, version }: Omit<Consumer, 'group'>,
): Promise<readonly Checkpoint[]> {
  const { rows } = await querier.query<CheckpointRow>(`${selectCheckpoints} order by c.partition`, [
    name,
    version,
  ]);
  return rows.map(toCheckpoint);
}

function toCheckpoint({ partition, position, moves, holds }: CheckpointRow): Checkpoint {
  return { partition, position, moves, holds: new Map(Object.entries(holds ?? {})) };
}

/** Up to where a tenant's events are in. */
export function appliedUpTo(checkpoint: Checkpoint, tenantId: string): Position {
  return checkpoint.holds.get(tenantId) ?? checkpoint.position;
}

/** A change of holds that belongs to a batch: `null` lets go. */
export type HoldChanges = ReadonlyMap<string, Readonly<{ position: Position; reason: string }> | null>;

/** The checkpoint after events of a partition, given in order, were applied. */
export function advanced(
  checkpoint: Checkpoint,
  applied: readonly Readonly<{ tenantId: string; position: Position }>[],
): Readonly<{ position: Position; holds: HoldChanges }> {
  let { position } = checkpoint;
  const holds = new Map<string, Readonly<{ position: Position; reason: string }> | null>();
  for (const event of applied) {
    const held = checkpoint.holds.get(event.tenantId);
    if (held !== undefined && event.position > held) {
      // Beyond the partition's own checkpoint nothing of the tenant is left waiting.
      const caughtUp = event.position > checkpoint.position;
      holds.set(event.tenantId, caughtUp ? null : { position: event.position, reason: '' });
    }
    if (event.position > position) ({ position } = event);
  }
  return { position, holds };
}

/** A checkpoint on its way: from the count of moves that the writer knows. */
export type CheckpointMove = Readonly<{
  partition: number;
  position: Position;
  moves: number;
  /** On the way through the store: the consumer still stands as long as before, until all of it is taken in. */
  fromStore?: boolean;
}>;

/** What a batch does to the checkpoint of its partition. */
export type PartitionMove = Readonly<{ move: CheckpointMove; holds: HoldChanges }>;

/**
 * Common table expressions that move checkpoints and holds; `gate (partition)` then names the partitions whose checkpoint
 * moved. Parameters $1 to $4 are those of `moveParameters`. A checkpoint moves only from the expected count of moves: a
 * concurrent writer waits at its row and then finds another count.
 */
export const moveExpressions = `
  gate as (
    update runtime.checkpoints c set position = m.position, moves = c.moves + 1,
      moved_at = case when m."fromStore" then c.moved_at else now() end
    from json_to_recordset($3::json) as m(partition integer, position text, moves bigint, "fromStore" boolean)
    where c.consumer = $1 and c.version = $2 and c.partition = m.partition and c.moves = m.moves
    returning c.partition
  ), held as (
    insert into runtime.holds as h (consumer, version, tenant_id, partition, position, reason)
    select $1, $2, r."tenantId", r.partition, r.position, r.reason
    from json_to_recordset($4::json) as r("tenantId" text, partition integer, position text, reason text)
    where r.position is not null and r.partition in (select partition from gate)
    on conflict (consumer, version, tenant_id) do update
      set position = excluded.position, reason = coalesce(nullif(excluded.reason, ''), h.reason)
  ), released as (
    delete from runtime.holds h
    using json_to_recordset($4::json) as r("tenantId" text, partition integer, position text)
    where r.position is null and r.partition in (select partition from gate)
      and h.consumer = $1 and h.version = $2 and h.tenant_id = r."tenantId"
  )`;

/** Parameters $1 to $4 of `moveExpressions`. */
export function moveParameters(
  { name, version }: Consumer,
  moves: readonly PartitionMove[],
): readonly [string, number, string, string] {
  const held = moves.flatMap(({ move: { partition }, holds }) =>
    [...holds].map(([tenantId, hold]) => ({ tenantId, partition, ...hold })),
  );
  return [name, version, JSON.stringify(moves.map(({ move }) => move)), JSON.stringify(held)];
}

/** Moves a checkpoint and its holds; false, and nothing done, where somebody else moved it. */
export async function moveCheckpoint(
  querier: Querier,
  consumer: Consumer,
  move: CheckpointMove,
  holds: HoldChanges,
): Promise<boolean> {
  const { rows } = await querier.query({
    name: 'move a checkpoint',
    text: `with ${moveExpressions} select partition from gate`,
    values: [...moveParameters(consumer, [{ move, holds }])],
  });
  return rows.length === 1;
}

/**
 * Whether a topic may have been emptied of messages that the consumer has not seen: it stood still for more than half of
 * the topic's retention, the other half being the margin.
 */
export async function mayHaveMissed(
  querier: Querier,
  { name, version }: Consumer,
  retentionMs = Infinity,
): Promise<boolean> {
  const { rows } = await querier.query<{ still_ms: number | null }>(
    `select extract(epoch from now() - max(moved_at))::double precision * 1000 as still_ms
     from runtime.checkpoints where consumer = $1 and version = $2`,
    [name, version],
  );
  return (rows[0]?.still_ms ?? 0) > retentionMs / 2;
}

/** Records that the consumer is up to the present, where it read everything and found nothing to move for. */
export async function touchCheckpoints(querier: Querier, { name, version }: Consumer): Promise<void> {
  await failpoint('checkpoints.touching');
  await querier.query(
    'update runtime.checkpoints set moved_at = now() where consumer = $1 and version = $2',
    [name, version],
  );
  await failpoint('checkpoints.touched');
}
