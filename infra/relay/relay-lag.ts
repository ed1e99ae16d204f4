import { beginning, type Position } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { Database } from '../database/database.ts';
import { ask } from '../topics/postgres-statement.ts';
import { defaultRelay } from './relay-lead.ts';

export type RelayLag = Readonly<{
  /** The checkpoint; everything up to it is published. */
  position: Position;
  /** Events recorded and not published; counted up to the limit, so `countUpTo` stands for that many or more. */
  events: number;
  /** Age of the oldest of them, by the database's clock; 0 where there is none. */
  seconds: number;
  /** A relay leads: its lease is alive, or it stands before an event and tries that again now and then. */
  leads: boolean;
  /** It stands before an event that cannot be published, which is parked. */
  blocked: boolean;
}>;

/** A relay that stands before an event tries it every 30 s: one that did not for so long is gone. */
const blockedForMs = 90_000;

/** How far the relay is behind the log, for readiness and metrics. */
export async function relayLag(options: {
  database: Database;
  eventStore: Pick<EventStore, 'readAll'>;
  /** Default `events`. */
  name?: string;
  /** Default 1 000. */
  countUpTo?: number;
}): Promise<RelayLag> {
  const { database, eventStore, name = defaultRelay, countUpTo = 1_000 } = options;
  const rows = await ask<readonly [Position | null, boolean | null, boolean | null, string]>(database, {
    name: 'topics.relay.lag',
    text: `select r.position, r.owner is not null and r.expires_at > clock_timestamp(),
                  r.blocked_position > r.position and r.blocked_at > clock_timestamp() - $2 * interval '1 ms',
                  clock_timestamp()
             from (select) once left join topics.relays r on r.name = $1`,
    values: [name, blockedForMs],
  });
  const [found, leases, stands, now = ''] = rows[0] ?? [];
  const blocked = stands === true;
  const position = found ?? beginning;
  let events = 0;
  let oldest: string | undefined;
  for await (const page of eventStore.readAll({ after: position, limit: countUpTo, pageSize: countUpTo })) {
    oldest ??= page[0]?.recordedAt;
    events += page.length;
  }
  const seconds = oldest === undefined ? 0 : Math.max(0, (Date.parse(now) - Date.parse(oldest)) / 1000);
  return { position, events, seconds, leads: leases === true || blocked, blocked };
}
