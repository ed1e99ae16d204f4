import { z } from 'zod';
import { explain } from '@daybook/infra/parking/explanation.ts';
import { parkedKinds, type Parked } from '@daybook/infra/parking/parked.ts';
import { instant } from '../shared/lists.ts';

const kind = z.enum(parkedKinds);

/** What was decided about it last. */
const decision = z.strictObject({
  act: z.enum(['retried', 'skipped']),
  reason: z.string().nullable(),
  by: z.strictObject({ kind: z.string(), id: z.string() }),
  at: instant,
});

/** Something parked, as the list shows it. Where its payload stands is told, never the payload. */
export const parkedItem = z.strictObject({
  parkedId: z.string(),
  kind,
  consumer: z.string().meta({ description: 'Who cannot handle it: a read model, a process, the relay.' }),
  status: z.enum(['parked', 'retrying', 'closed']),
  about: z.string().nullable().meta({ description: 'What it is, in a word or two.' }),
  topic: z.string().nullable(),
  partition: z.int().nullable(),
  offset: z.int().nullable(),
  key: z.string().nullable().meta({ description: 'What waits behind it has the same.' }),
  eventId: z.string().nullable(),
  eventType: z.string().nullable(),
  stream: z.string().nullable(),
  revision: z.int().nullable(),
  position: z.string().nullable(),
  reason: z.string().meta({ description: 'A code, such as `handler-throws`.' }),
  error: z.string().nullable().meta({ description: 'The reason in words; null once it is closed.' }),
  attempts: z.int(),
  firstFailedAt: instant,
  failedAt: instant,
  waiting: z
    .int()
    .nullable()
    .meta({ description: 'How many wait behind it; 1001 for more than 1000, null where everything does.' }),
  decision: decision.nullable(),
});

/** One of it, explained. */
export const parkedDetail = parkedItem.extend({
  explanation: z
    .strictObject({ cause: z.string(), effect: z.string(), todo: z.string() })
    .nullable()
    .meta({ description: 'In plain words; null once it is closed.' }),
});

/** What queries read of a row of `parkedDecisions`. */
export type DecisionRow = Readonly<{
  parkedId: string;
  kind: Parked['kind'];
  consumer: string;
  about: string | null;
  eventId: string | null;
  stream: string | null;
  revision: number | null;
  cause: string;
  attempts: number;
  failedAt: string;
  act: 'retried' | 'skipped';
  reason: string | null;
  actorKind: string;
  actorId: string;
  decidedAt: string;
}>;

/** Something that is parked now, as the interface shows it. */
export function openItem(
  { tenantId: _, ...parked }: Parked,
  decided: DecisionRow | undefined,
): z.output<typeof parkedItem> {
  return { ...parked, decision: decided === undefined ? null : decisionOf(decided) };
}

/** Something that was parked and is not any more. */
export function closedItem(row: DecisionRow): z.output<typeof parkedItem> {
  const { parkedId, kind: what, consumer, about, eventId, stream, revision, cause, attempts, failedAt } = row;
  return {
    parkedId,
    kind: what,
    consumer,
    status: 'closed',
    about,
    topic: null,
    partition: null,
    offset: null,
    key: null,
    eventId,
    eventType: null,
    stream,
    revision,
    position: null,
    reason: cause,
    error: null,
    attempts,
    firstFailedAt: failedAt,
    failedAt,
    waiting: null,
    decision: decisionOf(row),
  };
}

/** With the explanation of one that is open. */
export function detailOf(item: z.output<typeof parkedItem>): z.output<typeof parkedDetail> {
  return { ...item, explanation: item.status === 'closed' ? null : explain(item) };
}

function decisionOf({ act, reason, actorKind, actorId, decidedAt }: DecisionRow): z.output<typeof decision> {
  return { act, reason, by: { kind: actorKind, id: actorId }, at: decidedAt };
}
