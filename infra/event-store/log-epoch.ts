import { DaybookError } from '@daybook/kernel/errors.ts';
import type { Position } from '@daybook/kernel/event.ts';
import type { LogIdentity } from '@daybook/kernel/ports/event-store.ts';
import { translateDatabaseError, type Database } from '../database/database.ts';
import { fromPosition } from './position.ts';

type Querier = Pick<Database['pool'], 'query'>;

type EpochRow = Readonly<{ log_id: string; epoch: number; token: string }>;

const currentEpoch = 'select log_id, epoch, token from log.epochs order by epoch desc limit 1';

/** The identity of the log in a database. @throws `unavailable` */
export async function logIdentity(querier: Querier): Promise<LogIdentity> {
  const { rows } = await querier.query<EpochRow>(currentEpoch).catch((error: unknown) => {
    throw translateDatabaseError(error);
  });
  const [row] = rows;
  if (row === undefined) throw new DaybookError('unavailable', 'The log has no identity.');
  return toIdentity(row);
}

/**
 * Begins an epoch behind a position, within the caller's transaction. Two restores of one backup are two epochs, since
 * each draws a token of its own.
 */
export async function beginEpoch(
  querier: Querier,
  reason: 'restored' | 'recovered',
  after: Position,
): Promise<LogIdentity> {
  const { rows } = await querier.query<EpochRow>(
    `insert into log.epochs (log_id, epoch, begins_after, reason)
     select log_id, epoch + 1, $1, $2 from (${currentEpoch}) former
     returning log_id, epoch, token`,
    [fromPosition(after), reason],
  );
  const [row] = rows;
  if (row === undefined) throw new DaybookError('unavailable', 'The log has no identity.');
  return toIdentity(row);
}

function toIdentity({ log_id: log, epoch, token }: EpochRow): LogIdentity {
  return { log, epoch: `${String(epoch)}.${token}` };
}
