import pg from 'pg';
import type { Database } from '@daybook/infra/database/database.ts';
import { serverUrl } from '../support/postgres.ts';
import type { HoldTransaction } from './event-store.subject.ts';

/** Transactions on a database's server. @param statement what one in the same database does before it stays open */
export function holdTransactionOf({ url }: Database, statement: string): HoldTransaction {
  return async (where) => {
    const here = where === 'same database';
    const client = new pg.Client({ connectionString: here ? url : serverUrl('postgres') });
    await client.connect();
    await client.query('begin isolation level repeatable read');
    await client.query(here ? statement : 'select pg_current_xact_id()');
    return () => client.end();
  };
}
