import { z } from 'zod';
import { isSealed } from '@daybook/kernel/ports/outside.ts';
import { contracts } from '@daybook/schemas/contracts.ts';

/** What queries read of a row of `timeline`. */
export type TimelineRow = Readonly<{
  position: string;
  eventId: string;
  type: string;
  stream: string;
  revision: number;
  recordedAt: string;
  actorKind: string;
  actorId: string;
  correlationId: string;
  data: Readonly<Record<string, unknown>>;
}>;

/** Stands where a field is sealed. */
const mask = '[sealed]';

/** An event as the timeline shows it. */
export const timelineItem = z.strictObject({
  position: z.string(),
  id: z.string(),
  type: z.string(),
  stream: z.string(),
  revision: z.int(),
  recordedAt: z.string(),
  actor: z.strictObject({ kind: z.string(), id: z.string() }),
  correlationId: z.string(),
  data: z.record(z.string(), z.unknown()).meta({ description: `Sealed fields show \`${mask}\`.` }),
});

/** A row as the interface shows it, its sealed fields masked. */
export function timelineItemOf(row: TimelineRow): z.output<typeof timelineItem> {
  const { position, eventId, type, stream, revision, recordedAt, actorKind, actorId, correlationId } = row;
  return {
    position,
    id: eventId,
    type,
    stream,
    revision,
    recordedAt,
    actor: { kind: actorKind, id: actorId },
    correlationId,
    data: masked(type, row.data),
  };
}

function masked(type: string, data: TimelineRow['data']): Record<string, unknown> {
  const sealed = new Set(contracts.get(type)?.sealed.map(({ field }) => field));
  return Object.fromEntries(
    Object.entries(data).map(([field, value]) => [
      field,
      sealed.has(field) && isSealed(value) ? mask : value,
    ]),
  );
}
