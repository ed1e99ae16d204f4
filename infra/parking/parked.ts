import { translateDatabaseError } from '../database/database.ts';
import type { Querier } from '../runtime/checkpoints.ts';

/**
 * What cannot go on until somebody acts: a message of a consumer group, an effect or a timer of a process, an event that
 * the relay cannot publish. What follows for the same key waits behind it; other keys go on. Holds no payload: `stream`
 * with `revision`, or `topic` with `partition` and `offset`, say where that stands.
 */
export type Parked = Readonly<{
  /** `message-57`, `effect-12`, `timer-<input id>`, `relay-<position>`: stays the same over retries. */
  parkedId: string;
  kind: ParkedKind;
  /** The consumer group, the process, or `relay <name>`. */
  consumer: string;
  tenantId: string;
  /** `retrying`: handed back, and neither handled nor parked again yet. */
  status: 'parked' | 'retrying';
  /** What it is, in a word or two: the type of the message, what the effect does, the name of the timer. */
  about: string | null;
  topic: string | null;
  partition: number | null;
  /** Absent for what did not come by the topic. */
  offset: number | null;
  /** What waits behind it has the same: the message's key, the instance of the process. */
  key: string | null;
  /** The event; of an effect or timer the input that led to it. */
  eventId: string | null;
  eventType: string | null;
  stream: string | null;
  revision: number | null;
  position: string | null;
  /** Why, as a code: `handler-throws`, `schema-unknown` and so on. */
  reason: string;
  /** The same in words, without anything secret. */
  error: string;
  attempts: number;
  /** ISO 8601, UTC. */
  firstFailedAt: string;
  failedAt: string;
  /** How many wait behind it, counted up to `mostCounted` and one more; null behind the relay, where everything does. */
  waiting: number | null;
}>;

/** Whatever waits behind something parked beyond so many is not counted: `waiting` is then one more. */
export const mostCounted = 1_000;

export const parkedKinds = ['message', 'effect', 'timer', 'relay'] as const;
export type ParkedKind = (typeof parkedKinds)[number];

/** Where the list stands: all tenants' for the operator, or that of the connection's tenant. */
export type ParkedView = 'runtime.parked' | 'operations.parked';

export type ParkedFilter = Readonly<{ consumer?: string; kind?: ParkedKind; tenantId?: string }>;

/** Where a page begins: behind this one. */
export type ParkedPlace = Readonly<{ firstFailedAt: string; parkedId: string }>;

const columns = `
  parked_id as "parkedId", kind, consumer, tenant_id as "tenantId", status, about, topic, partition,
  "offset", key, event_id as "eventId", event_type as "eventType", stream, revision, position,
  failure, attempts, first_failed_at as "firstFailedAt", failed_at as "failedAt", waiting`;

/** A row of the view: code and words of the failure are one text there. */
export type ParkedRow = Omit<Parked, 'reason' | 'error'> & Readonly<{ failure: string }>;

/** The statement of a page of the list, what is parked longest first. */
export function parkedPage(
  view: ParkedView,
  filter: ParkedFilter,
  { limit, after }: Readonly<{ limit: number; after?: ParkedPlace }>,
): Readonly<{ text: string; values: readonly unknown[] }> {
  return {
    text: `select ${columns} from ${view}
      where ($1::text is null or consumer = $1) and ($2::text is null or kind = $2)
        and ($3::text is null or tenant_id = $3)
        and ($4::timestamptz is null or (first_failed_at, parked_id) > ($4::timestamptz, $5::text))
      order by first_failed_at, parked_id limit $6`,
    values: [
      filter.consumer ?? null,
      filter.kind ?? null,
      filter.tenantId ?? null,
      after?.firstFailedAt ?? null,
      after?.parkedId ?? null,
      limit,
    ],
  };
}

/** The statement that finds one. */
export function parkedById(
  view: ParkedView,
  parkedId: string,
): Readonly<{ text: string; values: readonly unknown[] }> {
  return { text: `select ${columns} from ${view} where parked_id = $1`, values: [parkedId] };
}

/** A row of the view as it is shown. */
export function parkedOf({ failure, ...row }: ParkedRow): Parked {
  const [, reason, error] = /^([a-z][a-z-]*): ([\s\S]*)$/.exec(failure) ?? [];
  return { ...row, reason: reason ?? 'failed', error: error ?? failure };
}

/** A page of what is parked, of all tenants, longest first. @throws `unavailable` · `timeout` */
export async function listParked(
  querier: Querier,
  filter: ParkedFilter,
  page: Readonly<{ limit: number; after?: ParkedPlace }>,
): Promise<readonly Parked[]> {
  return (await rowsOf<ParkedRow>(querier, parkedPage('runtime.parked', filter, page))).map(parkedOf);
}

/** One of what is parked, whosever it is. @throws `unavailable` · `timeout` */
export async function findParked(querier: Querier, parkedId: string): Promise<Parked | undefined> {
  const rows = await rowsOf<ParkedRow>(querier, parkedById('runtime.parked', parkedId));
  return rows.map(parkedOf)[0];
}

/** What is parked of one consumer. */
export type ParkedSummary = Readonly<{
  consumer: string;
  kind: ParkedKind;
  parked: number;
  /** Behind all of them together, of each as `Parked` counts it. */
  waiting: number;
  /** Tenants of which something is parked. */
  tenants: number;
  /** Since when the oldest is parked; ISO 8601, UTC. */
  oldestParkedAt: string;
  /** For how long the oldest is parked, in seconds, by the database's clock. */
  oldestSeconds: number;
}>;

/** What is parked, by consumer; those with nothing parked are not named. @throws `unavailable` · `timeout` */
export function parkedSummary(querier: Querier): Promise<readonly ParkedSummary[]> {
  return rowsOf<ParkedSummary>(querier, {
    text: `select consumer, kind, count(*) as parked, coalesce(sum(waiting), 0)::bigint as waiting,
             count(distinct tenant_id) as tenants, min(first_failed_at) as "oldestParkedAt",
             greatest(0, extract(epoch from clock_timestamp() - min(first_failed_at)))::float8 as "oldestSeconds"
      from runtime.parked where status = 'parked' group by consumer, kind order by consumer, kind`,
    values: [],
  });
}

async function rowsOf<Row extends object>(
  querier: Querier,
  { text, values }: Readonly<{ text: string; values: readonly unknown[] }>,
): Promise<Row[]> {
  try {
    return (await querier.query<Row>(text, [...values])).rows;
  } catch (error) {
    throw translateDatabaseError(error);
  }
}
