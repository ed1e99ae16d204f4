import type { Database } from '@daybook/infra/database/database.ts';

/** Hosts whose turn has come and that nobody serves, up to 1,000: what more scrapers would have to do. */
export async function hostsDue({ pool }: Pick<Database, 'pool'>): Promise<number> {
  const { rows } = await pool.query<{ due: number }>(
    `select count(*)::integer as due from (
       select from scraping.hosts where waiting and next_at <= now() and leased_until <= now() limit 1000) due`,
  );
  return rows[0]?.due ?? 0;
}
