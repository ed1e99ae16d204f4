import { DaybookError } from '@daybook/kernel/errors.ts';
import { translateDatabaseError, type Database } from '../database/database.ts';

/** Topics whose messages are in PostgreSQL. */
export const homeInDatabase = 'postgresql';

/** Something was published, or is there. */
const used =
  '(exists (select from topics.relays where forwarded > 0) or exists (select from topics.messages))';

/**
 * Makes sure that the messages of a database's topics are where its groups and its relay have their places, and notes where
 * that is before the first of them has one.
 * @param home `homeInDatabase`, or the id of a Kafka cluster
 * @throws `configuration-invalid` where they are elsewhere · `unavailable`
 */
export async function expectTopicsAt(home: string, { pool }: Pick<Database, 'pool'>): Promise<void> {
  const { rows } = await pool
    .query<{ home: string }>(
      `with used as (select ${used} as used),
       noted as (
         insert into topics.home (home) select case when used then $2 else $1 end from used
         on conflict (only_row) do nothing returning home)
       select home from noted union all select home from topics.home limit 1`,
      [home, homeInDatabase],
    )
    .catch((error: unknown) => {
      throw translateDatabaseError(error);
    });
  const actual = rows[0]?.home ?? home;
  if (actual !== home) throw topicsElsewhere(actual, home);
}

/** Where the messages of a database's topics are, as far as that is settled; changes nothing. @throws `unavailable` */
export async function topicsHome({ pool }: Pick<Database, 'pool'>): Promise<string | undefined> {
  const { rows } = await pool
    .query<{ home: string | null }>(
      `select coalesce((select home from topics.home), case when ${used} then $1 end) as home`,
      [homeInDatabase],
    )
    .catch((error: unknown) => {
      throw translateDatabaseError(error);
    });
  return rows[0]?.home ?? undefined;
}

/** The error of topics that are elsewhere than the configuration has them. */
export function topicsElsewhere(actual: string, home: string): DaybookError {
  const where = actual === homeInDatabase ? 'in PostgreSQL' : `in the Kafka cluster ${actual}`;
  const given =
    home === homeInDatabase ? 'KAFKA_BROKERS names none' : `KAFKA_BROKERS names the cluster ${home}`;
  return new DaybookError(
    'configuration-invalid',
    `The topics of this database are ${where}, and ${given}. Name the cluster that belongs to it, or move them by "daybook migrate-topics".`,
    { fields: { actual, given: home } },
  );
}
