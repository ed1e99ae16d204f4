import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { tooMany, tooManyAtOnce } from '@daybook/test/support/too-many-rows.ts';
import { startHousekeeping } from '../http/housekeeping.ts';
import { postgresIdempotency } from '../http/idempotency-store.ts';
import { memoryLog } from '../logging/memory-log.ts';
import { runHousekeeping } from '../runtime/housekeeping.ts';
import { memoryVault } from '../vault/memory.ts';
import type { Database } from './database.ts';
import { inPortions, removeRows } from './portions.ts';

let database: Database;
let drop: () => Promise<void>;
beforeEach(async () => {
  ({ database, drop } = await freshDatabase({ statementTimeoutMs: 2_000 }));
});
afterEach(async () => {
  await stop();
  await drop();
});

let stop: () => Promise<void>;
beforeEach(() => {
  stop = () => Promise.resolve();
});

/** Runs the upkeep of processes until `stop`. */
function keepProcesses(log: Log): void {
  const stopping = new AbortController();
  const running = runHousekeeping({ database, log, signal: stopping.signal });
  stop = () => {
    stopping.abort();
    return running;
  };
}

async function countOf(table: string): Promise<number | undefined> {
  const { rows } = await database.pool.query<{ count: number }>(`select count(*) from ${table}`);
  return rows[0]?.count;
}

/** Fills a table with old rows that no statement can remove at once. */
async function fill(table: string, columns: string, values: string): Promise<void> {
  await tooManyAtOnce(database, table);
  await database.pool.query(
    `insert into ${table} (${columns}) select ${values} from generate_series(1, $1::integer) n`,
    [2 * tooMany],
  );
}

test('old rows of processes that are too many for one statement are all forgotten', async () => {
  await fill(
    'runtime.process_inputs',
    'process, input_id, seen_at',
    `'p', n::text, now() - interval '1 year'`,
  );
  await fill(
    'runtime.effects',
    'id, process, tenant_id, instance_id, effect, metadata, status, closed_at',
    `gen_random_uuid(), 'p', 't', n::text, '{}', '{}', 'rejected', now() - interval '1 year'`,
  );
  const log = memoryLog();
  keepProcesses(log);
  await eventually(async () => {
    expect(log.lines).toEqual([]);
    expect(await countOf('runtime.process_inputs')).toBe(0);
    expect(await countOf('runtime.effects')).toBe(0);
  });
});

test('what the interface need not remember and is too much for one statement is all forgotten', async () => {
  const tables = ['runtime.idempotent_requests', 'runtime.request_nonces', 'runtime.rate_limits'] as const;
  await fill(tables[0], 'id, fingerprint, claimed_at', `n::text, '', now() - interval '1 year'`);
  await fill(tables[1], 'nonce, expires_at', `n::text, now() - interval '1 year'`);
  await fill(tables[2], 'key, expire', `n::text, 1`);
  const log = memoryLog();
  const idempotency = postgresIdempotency({ database, vault: memoryVault() });
  ({ stop } = startHousekeeping({ database, idempotency, log }));
  await eventually(async () => {
    expect(log.lines.filter(({ level }) => level === 'warn')).toEqual([]);
    for (const table of tables) expect(await countOf(table)).toBe(0);
  });
});

test('effects behind nothing are woken though old rows cannot be removed', async () => {
  await database.pool.query(
    `alter table runtime.process_inputs rename to elsewhere;
     insert into runtime.effects (id, process, tenant_id, instance_id, effect, metadata, status, closed_at, due_at)
     values (gen_random_uuid(), 'p', 't', 'rejected', '{}', '{}', 'rejected', now() - interval '1 year', now()),
            (gen_random_uuid(), 'p', 't', 'waits', '{}', '{}', 'pending', null, runtime.behind_parked())`,
  );
  const log = memoryLog();
  keepProcesses(log);
  await eventually(async () => {
    const { rows } = await database.pool.query(
      'select instance_id, due_at <= now() as due from runtime.effects',
    );
    expect(rows).toEqual([{ instance_id: 'waits', due: true }]);
  });
  expect(log.lines).toMatchObject([{ level: 'warn', fields: { part: 'inputs', sqlState: '42P01' } }]);
});

test('nonces and counts are forgotten though idempotency keys cannot be', async () => {
  await database.pool.query(
    `insert into runtime.request_nonces values ('old', now() - interval '1 year');
     insert into runtime.rate_limits values ('old', 1, 1)`,
  );
  const log = memoryLog();
  const idempotency = { sweep: () => Promise.reject(new Error('full')) };
  ({ stop } = startHousekeeping({ database, idempotency, log }));
  await eventually(async () => {
    expect(await countOf('runtime.request_nonces')).toBe(0);
    expect(await countOf('runtime.rate_limits')).toBe(0);
  });
  expect(log.lines.filter(({ level }) => level === 'warn')).toMatchObject([{ fields: { part: 'keys' } }]);
});

test('a row that somebody else is changing stays, and keeps nobody waiting', async () => {
  await database.pool.query(
    `insert into runtime.process_inputs select 'p', n::text, now() - interval '1 year' from generate_series(1, 3) n`,
  );
  await database.transaction(async (client) => {
    await client.query(`update runtime.process_inputs set seen_at = now() where input_id = '2'`);
    const old = {
      table: 'runtime.process_inputs',
      where: 'seen_at < now() - $1::interval',
      values: ['1 day'],
    };
    expect(await removeRows(database.pool, old)).toBe(2);
  });
  expect(await countOf('runtime.process_inputs')).toBe(1);
});

test('a stop ends a removal after the portion under way', async () => {
  const stopping = new AbortController();
  let left = 1_000_000;
  const removed = await inPortions((most) => {
    left -= most;
    if (left <= 980_000) stopping.abort();
    return Promise.resolve(most);
  }, stopping.signal);
  expect(removed).toBe(20_000);
});
