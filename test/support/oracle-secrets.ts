/** Point 8 of the oracle, first half: nothing secret or personal is readable where it does not belong. */
import type { Database } from '@daybook/infra/database/database.ts';
import type { InMessage } from '@daybook/kernel/ports/topics.ts';
import type { Person } from './caller.ts';

/** What a test planted: a name for it, and the text that must not be found. */
export type Planted = Readonly<Record<string, string>>;

/** Who a person is, and what speaks for them. */
export function plantedOf({ email, token }: Person): Planted {
  return { 'an address': email, 'a name': 'Test Person', 'a token': token };
}

/** Looks through every table, dead letters among them, and through what processes wrote. */
export async function secretsStaySealed(
  database: Database,
  planted: Planted,
  output: string,
): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const [what, text] of Object.entries(planted)) {
    if (output.includes(text)) wrong.push(`${what} stands in the log of a process`);
  }
  const { rows: tables } = await database.pool.query<{ name: string }>(tablesSql);
  for (const { name } of tables) {
    for (const [what, text] of Object.entries(planted)) {
      const { rows } = await database.pool.query(
        `select from ${name} t where strpos(t::text, $1) > 0 or strpos(t::text, $2) > 0 limit 1`,
        // As text, and as PostgreSQL writes bytes.
        [text, Buffer.from(text).toString('hex')],
      );
      if (rows.length > 0) wrong.push(`${what} is readable in ${name}`);
    }
  }
  return wrong;
}

/** Messages of topics, wherever these are. */
export function secretsStayOffTopics(messages: readonly InMessage[], planted: Planted): readonly string[] {
  return Object.entries(planted).flatMap(([what, text]) => {
    const shows = ({ value, headers }: InMessage): boolean =>
      Buffer.from(value).includes(text) || JSON.stringify(headers).includes(text);
    return messages.some(shows) ? [`${what} is readable on a topic`] : [];
  });
}

const tablesSql = `
  select format('%I.%I', n.nspname, c.relname) as name
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and n.nspname !~ '^(pg_|information_schema)' order by 1`;
