import { DaybookError } from '@daybook/kernel/errors.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import { openDatabase, translateDatabaseError, type Database } from '../../database/database.ts';
import type { Querier } from '../checkpoints.ts';

/** The right to rebuild one read model, on a connection of its own: it ends with the process, however that ends. */
export type RebuildLock = Readonly<{
  /** @throws `unavailable` where the connection, and with it the right, was lost */
  confirm(): Promise<void>;
  release(): Promise<void>;
}>;

/** First key of the advisory locks; the second is the projection's name. */
const lockSpace = 80_001;

/**
 * Takes the right to rebuild a read model.
 * @param owner who it is, as another one is told
 * @throws `maintenance-refused` where somebody else has it, with who and since when · `unavailable`
 */
export async function takeRebuildLock(
  { url }: Pick<Database, 'url'>,
  projection: string,
  owner: string,
  log: Log,
): Promise<RebuildLock> {
  const database = openDatabase({
    url,
    poolSize: 1,
    applicationName: `rebuild by ${owner}`.slice(0, 63),
    log,
  });
  try {
    // Never handed back to the pool, which would close it after a while.
    const client = await database.pool.connect();
    const { rows } = await client.query<{ taken: boolean }>(
      'select pg_try_advisory_lock($1, hashtext($2)) as taken',
      [lockSpace, projection],
    );
    const release = async (): Promise<void> => {
      // The server notices the end of a connection a moment later.
      await client
        .query('select pg_advisory_unlock($1, hashtext($2))', [lockSpace, projection])
        .catch(() => undefined);
      client.release(true);
      await database.close();
    };
    if (rows[0]?.taken === true) return { confirm: () => confirm(client, projection), release };
    const refused = await refusal(client, projection);
    client.release(true);
    throw refused;
  } catch (error) {
    await database.close();
    throw translateDatabaseError(error);
  }
}

const holder = `
  select a.pid, a.application_name as owner, a.backend_start as since from pg_locks l
  join pg_stat_activity a using (pid)
  where l.locktype = 'advisory' and l.objsubid = 2 and l.granted and l.classid = $1::bigint::oid
    and l.objid::bigint = hashtext($2)::bigint & 4294967295
    and l.database = (select oid from pg_database where datname = current_database())`;

type Holder = Readonly<{ pid: number; owner: string; since: string }>;

async function refusal(querier: Querier, projection: string): Promise<DaybookError> {
  const { rows } = await querier.query<Holder>(holder, [lockSpace, projection]);
  const [other] = rows;
  const who = other === undefined ? '' : `: ${other.owner}, since ${other.since}`;
  return new DaybookError(
    'maintenance-refused',
    `The read model ${projection} is being rebuilt${who}. Wait for it, or stop it; what it did so far is gone on with.`,
    { fields: { projection } },
  );
}

async function confirm(querier: Querier, projection: string): Promise<void> {
  const { rows } = await querier
    .query<Holder & { own: number }>(`select pg_backend_pid() as own, held.* from (${holder}) held`, [
      lockSpace,
      projection,
    ])
    .catch((error: unknown) => {
      throw translateDatabaseError(error);
    });
  if (rows.some(({ pid, own }) => pid === own)) return;
  throw new DaybookError(
    'unavailable',
    'The connection that held the rebuild was lost. Begin again: it goes on.',
    {
      retry: 'later',
      fields: { projection },
    },
  );
}
