import { DaybookError, isDaybookError } from '@daybook/kernel/errors.ts';
import type { Position, RecordedEvent } from '@daybook/kernel/event.ts';
import type { InMessage, SetAsideKeys } from '@daybook/kernel/ports/topics.ts';
import type { MessageCodec } from '../registry/codec.ts';
import { appliedUpTo, type Checkpoint, type HoldChanges } from './checkpoints.ts';

/** An event of a partition that is not in yet. `event` is absent where its type is of no interest. */
export type Arrival = Readonly<{ tenantId: string; position: Position; event?: RecordedEvent }>;

/** A message that can never be handled, and why. */
export type Poison = Readonly<{ index: number; tenantId: string; reason: string }>;

/** What is new in a batch: arrivals in order, up to the first message that cannot be read. */
export type Inbox = Readonly<{ arrivals: readonly Arrival[]; poison?: Poison }>;

/**
 * Reads messages of the events topic. What is at or below the checkpoint is passed over unread, and so is the body of
 * events whose type is not handled. Unreadable is what its schema says so of, which ends the inbox, or is passed over where
 * `passOver` takes it; that the registry is away is thrown.
 * @throws `unavailable`
 */
export async function readInbox(
  messages: readonly InMessage[],
  checkpoint: Checkpoint,
  handles: ReadonlySet<string>,
  codec: Pick<MessageCodec, 'decode'>,
  passOver?: (poison: Poison) => void,
): Promise<Inbox> {
  const arrivals: Arrival[] = [];
  /** The last position of each tenant: what was published, or set aside, twice may stand twice in one batch. */
  const taken = new Map<string, Position>();
  for (const [index, message] of messages.entries()) {
    const { ce_type: type, ce_position: position, ce_tenantid: tenantId = message.key } = message.headers;
    try {
      if (type === undefined || position === undefined) throw missingHeaders();
      const place = { tenantId, position: position as Position };
      if (place.position <= (taken.get(tenantId) ?? appliedUpTo(checkpoint, tenantId))) continue;
      taken.set(tenantId, place.position);
      arrivals.push(handles.has(type) ? { ...place, event: await readEvent(codec, message) } : place);
    } catch (error) {
      const poison = { index, tenantId, reason: unreadableReason(error) };
      if (passOver === undefined) return { arrivals, poison };
      passOver(poison);
    }
  }
  return { arrivals };
}

/** Why a message can never be read. @throws whatever else it was */
export function unreadableReason(error: unknown): string {
  if (!isDaybookError(error, 'schema-unknown') && !isDaybookError(error, 'schema-incompatible')) throw error;
  return `${error.code}: ${error.message}`;
}

async function readEvent(codec: Pick<MessageCodec, 'decode'>, message: InMessage): Promise<RecordedEvent> {
  const decoded = await codec.decode(message);
  if ('position' in decoded) return decoded;
  throw new DaybookError('schema-incompatible', 'The message is no event.', {
    fields: { type: decoded.type },
  });
}

function missingHeaders(): DaybookError {
  return new DaybookError('schema-incompatible', 'The message does not say what it is or where it stands.');
}

/** The same for events as the store has them. */
export function storedInbox(
  events: readonly RecordedEvent[],
  checkpoint: Checkpoint,
  handles: ReadonlySet<string>,
): Inbox {
  return {
    arrivals: events
      .map((event) => ({ event, tenantId: event.metadata.tenantId, position: event.position }))
      .filter(({ tenantId, position }) => position > appliedUpTo(checkpoint, tenantId))
      .map(({ event, ...place }) => (handles.has(event.type) ? { ...place, event } : place)),
  };
}

/** What is known of tenants' messages that wait elsewhere, beside a batch that moves the checkpoint to a position. */
export type Beside = Readonly<{
  position: Position;
  keys?: SetAsideKeys;
  /** Nobody else moved the checkpoint since the batch before. */
  isOwn: boolean;
}>;

/**
 * The holds after a batch: those of `advanced`, and
 * - a tenant of which a message waits between those of the batch is held where it is, lest the checkpoint move past it,
 * - a tenant of which nothing waits any more is held no longer,
 * - the poisoned tenant is held at the last event of it that is in.
 */
export function holdsWith(
  holds: HoldChanges,
  checkpoint: Checkpoint,
  { arrivals, poison }: Inbox,
  { position: reached, keys, isOwn }: Beside,
): HoldChanges {
  const changes = new Map([
    ...holds,
    ...(keys === undefined ? [] : changesBy(keys, checkpoint, reached, isOwn)),
  ]);
  if (poison === undefined) return changes;
  const { tenantId, reason } = poison;
  const position =
    arrivals.findLast((arrival) => arrival.tenantId === tenantId)?.position ??
    appliedUpTo(checkpoint, tenantId);
  return changes.set(tenantId, { position, reason });
}

function changesBy(
  { waiting, freed }: SetAsideKeys,
  { position, holds }: Checkpoint,
  reached: Position,
  isOwn: boolean,
): HoldChanges {
  const unheld = [...waiting].filter((tenantId) => !holds.has(tenantId));
  const done = [...freed].filter((tenantId) => {
    const held = holds.get(tenantId);
    return isOwn && held !== undefined && held <= reached && !waiting.has(tenantId);
  });
  return new Map<string, Readonly<{ position: Position; reason: string }> | null>([
    ...unheld.map((tenantId) => [tenantId, { position, reason: '' }] as const),
    ...done.map((tenantId) => [tenantId, null] as const),
  ]);
}

/** Whether a batch brings nothing to record: nothing new, nothing refused, nobody who waits no more. */
export function isIdle({ arrivals, poison }: Inbox, keys: SetAsideKeys | undefined): boolean {
  return arrivals.length === 0 && poison === undefined && (keys?.freed.size ?? 0) === 0;
}

/** The checkpoint as it stands once a batch is written. */
export function movedCheckpoint(
  checkpoint: Checkpoint,
  position: Position,
  changes: HoldChanges,
): Checkpoint {
  const holds = new Map(checkpoint.holds);
  for (const [tenantId, hold] of changes) {
    if (hold === null) holds.delete(tenantId);
    else holds.set(tenantId, hold.position);
  }
  return { ...checkpoint, position, moves: checkpoint.moves + 1, holds };
}
