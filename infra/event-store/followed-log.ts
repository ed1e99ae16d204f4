import type { Position } from '@daybook/kernel/event.ts';
import type { LogIdentity } from '@daybook/kernel/ports/event-store.ts';
import { translateDatabaseError, type Database } from '../database/database.ts';

type Querier = Pick<Database['pool'], 'query'>;

/** The log that the consumers of a database follow, and a witness: an event that was in it, by its position. */
export type FollowedLog = LogIdentity &
  Readonly<{
    position: Position;
    /** Null before the first event. */
    eventId: string | null;
  }>;

/** What the consumers of a database follow; undefined before they ever did. @throws `unavailable` */
export async function readFollowedLog(querier: Querier): Promise<FollowedLog | undefined> {
  const { rows } = await querier
    .query<FollowedLog>(
      `select log_id as log, epoch, position, event_id as "eventId" from runtime.followed_log`,
    )
    .catch((error: unknown) => {
      throw translateDatabaseError(error);
    });
  return rows[0];
}

/** Notes which log is followed, and the witness. @throws `unavailable` */
export async function noteFollowedLog(querier: Querier, followed: FollowedLog): Promise<void> {
  const { log, epoch, position, eventId } = followed;
  await querier
    .query(
      `insert into runtime.followed_log as f (log_id, epoch, position, event_id) values ($1, $2, $3, $4)
       on conflict (only_row) do update set log_id = excluded.log_id, epoch = excluded.epoch,
         position = excluded.position, event_id = excluded.event_id, noted_at = now()`,
      [log, epoch, position, eventId],
    )
    .catch((error: unknown) => {
      throw translateDatabaseError(error);
    });
}
