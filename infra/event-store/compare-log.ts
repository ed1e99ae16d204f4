import { DaybookError } from '@daybook/kernel/errors.ts';
import { beginning, type Position } from '@daybook/kernel/event.ts';
import type { EventStore, LogIdentity } from '@daybook/kernel/ports/event-store.ts';
import { translateDatabaseError, type Database } from '../database/database.ts';
import { readFollowedLog, type FollowedLog } from './followed-log.ts';

/**
 * How a log may differ from what its consumers took in:
 *   otherLog    it is another log
 *   otherEpoch  it was restored, or mended, since
 *   shorter     its end is before what they took in
 *   rewritten   where they took an event in, it has another one
 */
export type MismatchKind = 'otherLog' | 'otherEpoch' | 'shorter' | 'rewritten';

/** What the log is, and what its consumers know of it. */
export type LogComparison = Readonly<{
  followed: FollowedLog | undefined;
  /** The furthest that any consumer is. */
  consumed: Position;
  /** The event there; null where there is none. */
  consumedId: string | null;
}> &
  (
    | Readonly<{ identity: LogIdentity; mismatch: MismatchKind | null }>
    /** A log that was given no identity, beside consumers that follow one which was. */
    | Readonly<{ identity: undefined; mismatch: 'otherLog' }>
  );

/** Positions of the relay and of all that read the log. Those of other topics keep ids instead. */
const furthest = `
  select coalesce(max(position), $1) as position from (
    select position from runtime.checkpoints union all select position from topics.relays) consumers`;

/**
 * Compares the log with what its consumers took in: four look-ups by key. What they took in is read first, so that a log
 * that grows meanwhile is never taken for one that is behind them. A log is given its identity only where nobody follows
 * any yet: one that consumers of another are held against may be somebody else's, and nothing is written to it.
 * @throws `unavailable` · `timeout`
 */
export async function compareLog(
  eventStore: Pick<EventStore, 'at' | 'identity' | 'knownIdentity'>,
  { pool }: Pick<Database, 'pool'>,
): Promise<LogComparison> {
  const { rows } = await pool.query<{ position: Position }>(furthest, [beginning]).catch((error: unknown) => {
    throw translateDatabaseError(error);
  });
  const consumed = rows[0]?.position ?? beginning;
  const followed = await readFollowedLog(pool);
  const identity = await (followed === undefined ? eventStore.identity() : eventStore.knownIdentity());
  const idAt = async (position: Position): Promise<string | null> =>
    position === beginning ? null : ((await eventStore.at(position))?.id ?? null);
  const consumedId = await idAt(consumed);
  const witnessId =
    followed === undefined || followed.position === consumed ? consumedId : await idAt(followed.position);
  const found = { followed, consumed, consumedId };
  if (identity === undefined) return { ...found, identity, mismatch: 'otherLog' };
  return { ...found, identity, mismatch: mismatchOf({ ...found, identity, witnessId }) };
}

type Compared = Pick<LogComparison, 'followed' | 'consumed' | 'consumedId'> &
  Readonly<{ identity: LogIdentity; witnessId: string | null }>;

/** What is wrong with a log, if anything is; pure. */
function mismatchOf({ identity, followed, consumed, consumedId, witnessId }: Compared): MismatchKind | null {
  if (followed !== undefined && followed.log !== identity.log) return 'otherLog';
  if (followed !== undefined && followed.epoch !== identity.epoch) return 'otherEpoch';
  if (consumed > beginning && consumedId === null) return 'shorter';
  if (followed === undefined || followed.position === beginning) return null;
  if (witnessId === null) return 'shorter';
  return witnessId === followed.eventId ? null : 'rewritten';
}

/**
 * For whoever looks into a log that its consumers need not follow to its end.
 * @throws `log-mismatch` where it is another log than that of the database's consumers · `unavailable`
 */
export async function expectOwnLog(
  eventStore: Pick<EventStore, 'knownIdentity'>,
  { pool }: Pick<Database, 'pool'>,
): Promise<void> {
  const followed = await readFollowedLog(pool);
  if (followed === undefined) return;
  const identity = await eventStore.knownIdentity();
  if (identity?.log !== followed.log) throw logMismatch('otherLog');
}

const sentences: Readonly<Record<MismatchKind, string>> = {
  otherLog:
    'This database holds the consumers of another log than the one it is given. Name the log that belongs to it by EVENTSTORE_URL (or by none, where it is in PostgreSQL), move it by "daybook migrate-log", or begin with an empty database.',
  otherEpoch:
    'The log was restored or mended since its consumers last took something in: their read models and processes may hold what it does not.',
  shorter:
    'The log ends before what its consumers took in: it was restored from a backup, or lost its end. Their read models and processes hold what it does not.',
  rewritten:
    'The log holds other events than its consumers took in: it lost its end and has grown since. Their read models and processes hold what it does not.',
};

/** The mismatch in words, with what mends it. */
export function logMismatch(kind: MismatchKind): DaybookError {
  const mends = kind === 'otherLog' ? '' : ' Stop all processes and run "daybook recover".';
  return new DaybookError('log-mismatch', sentences[kind] + mends, { fields: { mismatch: kind } });
}
