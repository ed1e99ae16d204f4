import { defineProjection } from '@daybook/kernel/projection.ts';
import type { OperationsEvent } from '@daybook/schemas/operations/events.generated.ts';

export type ParkedDecisionRow = Readonly<{
  parkedId: string;
  kind: string;
  consumer: string;
  about: string | null;
  eventId: string | null;
  stream: string | null;
  revision: number | null;
  cause: string;
  attempts: number;
  failedAt: string;
  /** The last decision. */
  act: 'retried' | 'skipped';
  reason: string | null;
  actorKind: string;
  actorId: string;
  decidedAt: string;
  retries: number;
}>;

/** A row for each thing that was parked and that somebody decided about, with the last decision. */
export const parkedDecisions = defineProjection<OperationsEvent, ParkedDecisionRow, 'parkedId'>({
  name: 'parkedDecisions',
  version: 1,
  table: {
    columns: {
      parkedId: { type: 'text' },
      kind: { type: 'text' },
      consumer: { type: 'text' },
      about: { type: 'text', nullable: true },
      eventId: { type: 'text', nullable: true },
      stream: { type: 'text', nullable: true },
      revision: { type: 'integer', nullable: true },
      cause: { type: 'text' },
      attempts: { type: 'integer' },
      failedAt: { type: 'instant' },
      act: { type: 'text' },
      reason: { type: 'text', nullable: true },
      actorKind: { type: 'text' },
      actorId: { type: 'text' },
      decidedAt: { type: 'instant' },
      retries: { type: 'integer' },
    },
    key: ['parkedId'],
    indexes: [['decidedAt', 'parkedId']],
  },
  handles: ['ParkedRetried', 'ParkedSkipped'],
  keys: ({ data }) => [{ parkedId: data.parkedId }],
  origin: ({ parkedId }) => ({ streams: [`parked-${parkedId}`] }),
  evolve: (row, { type, data, metadata, recordedAt }) => ({
    parkedId: data.parkedId,
    kind: data.kind,
    consumer: data.consumer,
    about: data.about,
    eventId: data.eventId,
    stream: data.stream,
    revision: data.revision,
    cause: data.cause,
    attempts: data.attempts,
    failedAt: data.failedAt,
    act: type === 'ParkedSkipped' ? 'skipped' : 'retried',
    reason: type === 'ParkedSkipped' ? data.reason : null,
    actorKind: metadata.actor.kind,
    actorId: metadata.actor.id,
    decidedAt: recordedAt,
    retries: (row?.retries ?? 0) + (type === 'ParkedRetried' ? 1 : 0),
  }),
});
