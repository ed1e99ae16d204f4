/** How far a fold of the log goes: pure arithmetic over checkpoints. */
import type { Position } from '@daybook/kernel/event.ts';
import { appliedUpTo, type Checkpoint, type HoldChanges, type PartitionMove } from '../checkpoints.ts';

/**
 * Where a fold ends: at the present end of the log, or where the checkpoints of other tables stand, partition by partition
 * and with the same tenants held back.
 */
export type FoldTarget = 'head' | readonly Checkpoint[];

/** A tenant's event that cannot be taken in. */
export type Refusal = Readonly<{
  /** The tenant's. */
  partition: number;
  position: Position;
  type: string;
  /** Everything of the tenant up to there is in. */
  heldAt: Position;
  reason: string;
}>;

/** By tenant. */
export type Refusals = ReadonlyMap<string, Refusal>;

/** Up to where the target has a tenant's events; null for the end of the log. */
function reachOf(target: FoldTarget, partition: number, tenantId: string): Position | null {
  if (target === 'head') return null;
  const checkpoint = target.find((other) => other.partition === partition);
  // Without one nobody takes the partition's events in: there is nothing to be level with.
  return checkpoint === undefined ? ('' as Position) : appliedUpTo(checkpoint, tenantId);
}

/** Up to where the target has a partition's events, or where the checkpoint is; null for the end of the log. */
function endIn({ partition, position }: Checkpoint, target: FoldTarget): Position | null {
  if (target === 'head') return null;
  return target.find((one) => one.partition === partition)?.position ?? position;
}

/** Whether an event is to be taken in. */
export function isMissing(
  event: Readonly<{ position: Position; tenantId: string }>,
  checkpoint: Checkpoint,
  target: FoldTarget,
  refusals: Refusals,
): boolean {
  const { position, tenantId } = event;
  if (position <= appliedUpTo(checkpoint, tenantId) || refusals.has(tenantId)) return false;
  const reach = reachOf(target, checkpoint.partition, tenantId);
  return reach === null || position <= reach;
}

/** Behind which position to read on; null where nothing is missing. */
export function startOf(
  checkpoints: readonly Checkpoint[],
  target: FoldTarget,
  refusals: Refusals,
): Position | null {
  const behind = checkpoints.flatMap(({ partition, position, holds }) => {
    const end = target === 'head' ? null : target.find((other) => other.partition === partition)?.position;
    const own = end === null || (end !== undefined && position < end) ? [position] : [];
    const held = [...holds].filter(([tenantId, at]) => {
      const reach = reachOf(target, partition, tenantId);
      return !refusals.has(tenantId) && (reach === null || at < reach);
    });
    return [...own, ...held.map(([, at]) => at)];
  });
  return behind.length === 0 ? null : behind.reduce((a, b) => (b < a ? b : a));
}

/** The last position that a fold to the target reads; null for the end of the log. */
export function endOf(target: FoldTarget): Position | null {
  if (target === 'head') return null;
  return target.map(({ position }) => position).reduce((a, b) => (b > a ? b : a), '' as Position);
}

/** The checkpoint once everything up to a position was read, as the target has it. */
export function movedUpTo(
  checkpoint: Checkpoint,
  upTo: Position,
  target: FoldTarget,
  refusals: Refusals,
): Checkpoint {
  const { partition } = checkpoint;
  const other = target === 'head' ? undefined : target.find((one) => one.partition === partition);
  const position = most(checkpoint.position, least(upTo, endIn(checkpoint, target) ?? upTo));
  const refused = [...refusals].filter(([, refusal]) => refusal.partition === partition);
  const waiting = new Set([...(other?.holds.keys() ?? []), ...refused.map(([tenantId]) => tenantId)]);
  const holds = new Map<string, Position>();
  for (const tenantId of new Set([...checkpoint.holds.keys(), ...waiting])) {
    const reach = least(upTo, reachOf(target, partition, tenantId) ?? upTo);
    const heldAt = refusals.get(tenantId)?.heldAt ?? reach;
    const at = most(appliedUpTo(checkpoint, tenantId), least(reach, heldAt));
    // What waits for its tenant may stand behind the partition's last event as well.
    if (waiting.has(tenantId) || at < position) holds.set(tenantId, at);
  }
  return { partition, position, moves: checkpoint.moves + 1, holds };
}

/** What is to be written so that one checkpoint becomes the other. */
export function moveBetween(before: Checkpoint, after: Checkpoint, refusals: Refusals): PartitionMove {
  const holds = new Map<string, Readonly<{ position: Position; reason: string }> | null>();
  for (const [tenantId, position] of after.holds) {
    if (before.holds.get(tenantId) === position) continue;
    holds.set(tenantId, { position, reason: refusals.get(tenantId)?.reason ?? '' });
  }
  for (const tenantId of before.holds.keys()) if (!after.holds.has(tenantId)) holds.set(tenantId, null);
  const { partition, position } = after;
  const changes: HoldChanges = holds;
  return { move: { partition, position, moves: before.moves, fromStore: true }, holds: changes };
}

/** Checkpoints of a version: what waits for its tenants waits in the version's own group. */
export type OfVersion = Readonly<{ version: number; checkpoints: readonly Checkpoint[] }>;

/**
 * Where tables have to be to take the place of others: as far as each of these. Tenants that wait behind a parked event in
 * the same version's tables wait in these too, at the same place. In those of another version they wait for a group that
 * is not theirs: only those wait that already do.
 */
export function targetOf(own: OfVersion, others: readonly OfVersion[]): readonly Checkpoint[] {
  const ownHolds = new Map(own.checkpoints.map(({ partition, holds }) => [partition, holds]));
  return others
    .map(({ version, checkpoints }) =>
      version === own.version
        ? checkpoints
        : checkpoints.map((one) => ({ ...one, holds: ownHolds.get(one.partition) ?? new Map() })),
    )
    .reduce(furthestOf, []);
}

/** As far as either, for every tenant. */
function furthestOf(some: readonly Checkpoint[], others: readonly Checkpoint[]): readonly Checkpoint[] {
  const unmatched = others.filter(({ partition }) => !some.some((one) => one.partition === partition));
  const merged = some.map((one) => {
    const other = others.find(({ partition }) => partition === one.partition);
    if (other === undefined) return one;
    const holds = [...new Set([...one.holds.keys(), ...other.holds.keys()])].map(
      (tenantId) => [tenantId, most(appliedUpTo(one, tenantId), appliedUpTo(other, tenantId))] as const,
    );
    return { ...one, position: most(one.position, other.position), holds: new Map(holds) };
  });
  return [...merged, ...unmatched];
}

/** Whether tables have every event that others have, but for tenants that wait. */
export function isAsFar(own: readonly Checkpoint[], others: readonly Checkpoint[]): boolean {
  return others.every((other) => {
    const checkpoint = own.find(({ partition }) => partition === other.partition);
    return checkpoint !== undefined && checkpoint.position >= other.position;
  });
}

/** Whether tables have every event that others have, for every tenant. */
export function isLevel(own: readonly Checkpoint[], others: readonly Checkpoint[]): boolean {
  const hasAll = own.every(({ partition, holds }) => {
    const other = others.find((one) => one.partition === partition);
    return [...holds].every(([tenantId, at]) => other === undefined || at >= appliedUpTo(other, tenantId));
  });
  return hasAll && isAsFar(own, others);
}

function least(a: Position, b: Position): Position {
  return b < a ? b : a;
}

function most(a: Position, b: Position): Position {
  return b > a ? b : a;
}
