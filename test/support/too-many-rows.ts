import type { Database } from '@daybook/infra/database/database.ts';

/** More than one statement may remove where `tooManyAtOnce` watches. */
export const tooMany = 5_001;

/** Lets a statement that removes that many rows of a table take a minute: far longer than a test's statements have. */
export async function tooManyAtOnce({ pool }: Pick<Database, 'pool'>, table: string): Promise<void> {
  await pool.query(`
    create or replace function public.take_long() returns trigger language plpgsql as $$
    begin
      perform pg_sleep(60) from (select count(*) from gone) as of_gone (rows) where rows >= ${String(tooMany)};
      return null;
    end $$;
    create trigger take_long after delete on ${table} referencing old table as gone
      for each statement execute function public.take_long()`);
}
