import type { Event, Position } from '@daybook/kernel/event.ts';
import { defineProjection } from '@daybook/kernel/projection.ts';
import { contracts } from '@daybook/schemas/contracts.ts';

export type TimelineRow = Readonly<{
  /** The event's place in the log; its text order is the order of the log. */
  position: string;
  eventId: string;
  type: string;
  stream: string;
  revision: number;
  recordedAt: string;
  actorKind: string;
  actorId: string;
  correlationId: string;
  /** As recorded: what is sealed stays sealed. */
  data: unknown;
}>;

const eventTypes = [...contracts.values()].flatMap(({ kind, name }) => (kind === 'event' ? [name] : []));

/** A row an event: everything that happened in a tenant, in order. */
export const timeline = defineProjection<Event, TimelineRow, 'position'>({
  name: 'timeline',
  version: 2,
  table: {
    columns: {
      position: { type: 'text' },
      eventId: { type: 'text' },
      type: { type: 'text' },
      stream: { type: 'text' },
      revision: { type: 'integer' },
      recordedAt: { type: 'instant' },
      actorKind: { type: 'text' },
      actorId: { type: 'text' },
      correlationId: { type: 'text' },
      data: { type: 'json' },
    },
    key: ['position'],
    indexes: [
      ['type', 'position'],
      ['stream', 'position'],
      ['correlationId', 'position'],
    ],
  },
  handles: eventTypes,
  keys: ({ position }) => [{ position }],
  origin: ({ position }) => ({ position: position as Position }),
  evolve: (_row, event) => ({
    position: event.position,
    eventId: event.id,
    type: event.type,
    stream: event.stream,
    revision: event.revision,
    recordedAt: event.recordedAt,
    actorKind: event.metadata.actor.kind,
    actorId: event.metadata.actor.id,
    correlationId: event.metadata.correlationId,
    data: event.data,
  }),
});
