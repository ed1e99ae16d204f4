import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { goesOn, hardlyRefused, isReady, onlyPassing, openArena, type Arena } from './arena.ts';
import { startServer, type Server } from './server.ts';

const open: pg.Client[] = [];
afterEach(async () => {
  for (const client of open.splice(0)) await client.end();
});

/** A connection of somebody else, such as an administrator. */
async function connect(url: string, database?: string): Promise<pg.Client> {
  const at = new URL(url);
  if (database !== undefined) at.pathname = `/${database}`;
  const client = new pg.Client({ connectionString: at.href });
  await client.connect();
  open.push(client);
  return client;
}

describe('a database in use by others', () => {
  let arena: Arena;
  beforeAll(async () => {
    arena = await openArena({ env: { DB_STATEMENT_TIMEOUT: '2s' } });
  }, 180_000);
  afterAll(() => arena.close(), 180_000);

  test('a slow trigger on the log slows appends, and loses nothing', async () => {
    const admin = await connect(arena.system.databaseUrl);
    await admin.query(`
      create function log.dawdle() returns trigger language plpgsql as $$
      begin perform pg_sleep(0.1); return null; end $$;
      create trigger dawdle after insert on log.events for each statement execute function log.dawdle()`);
    const load = arena.load();
    await goesOn(load);
    await admin.query('drop trigger dawdle on log.events; drop function log.dawdle()');
    await goesOn(load);
    hardlyRefused(load);
    await arena.clean();
  }, 240_000);

  test('a trigger slower than the longest statement: callers hear of it in time, and nothing is stored', async () => {
    const admin = await connect(arena.system.databaseUrl);
    await admin.query(`
      create function log.dawdle() returns trigger language plpgsql as $$
      begin perform pg_sleep(10); return null; end $$;
      create trigger dawdle after insert on log.events for each statement execute function log.dawdle()`);
    const load = arena.load();
    await eventually(() => expect(load.failures().length).toBeGreaterThanOrEqual(4), { withinMs: 30_000 });
    expect(load.acked()).toEqual([]);
    // An exclusive lock is had between two appends.
    await eventually(() => admin.query('drop trigger dawdle on log.events; drop function log.dawdle()'), {
      withinMs: 30_000,
    });
    await goesOn(load);
    onlyPassing(load);
    await arena.clean();
  }, 240_000);

  test.each(['log.events', 'topics.messages', 'runtime.checkpoints', 'runtime.idempotent_requests'])(
    'a lock held on %s: refusals in time, and all goes on behind it',
    async (table) => {
      const admin = await connect(arena.system.databaseUrl);
      const load = arena.load();
      await goesOn(load);
      await admin.query('begin');
      await admin.query(`lock table ${table} in access exclusive mode`);
      const waits = ['log.events', 'runtime.idempotent_requests'].includes(table);
      if (waits) {
        await eventually(() => expect(load.failures().length).toBeGreaterThanOrEqual(2), {
          withinMs: 30_000,
        });
      } else await goesOn(load);
      await admin.query('rollback');
      await goesOn(load);
      onlyPassing(load);
      await arena.clean();
      await isReady(arena.system);
    },
    240_000,
  );

  test('long transactions, in this database and in another, neither stop nor hide anything', async () => {
    const [here, there, server] = await Promise.all([
      connect(arena.system.databaseUrl),
      connect(arena.system.databaseUrl, 'postgres'),
      connect(arena.system.databaseUrl),
    ]);
    for (const client of [here, there]) {
      await client.query('begin isolation level repeatable read');
      await client.query('select pg_current_xact_id()');
    }
    const load = arena.load();
    await goesOn(load, 60);
    hardlyRefused(load);
    const answer = await eventually(
      async () => {
        const last = load.acked().at(-1)?.position ?? '';
        const seen = await arena.person.call('GET', '/v1/market/overview', {
          headers: { 'daybook-min-position': last },
        });
        expect(seen.status).toBe(200);
        return seen;
      },
      { withinMs: 30_000 },
    );
    expect(answer.headers.get('daybook-position')).not.toBeNull();
    const { rows } = await server.query(`select 1 from pg_stat_activity where state = 'idle in transaction'`);
    expect(rows.length).toBeGreaterThanOrEqual(2);
    // The oracle judges while both are still open.
    await arena.clean();
  }, 240_000);
});

describe('a server with few connections', () => {
  let server: Server;
  let arena: Arena;
  beforeAll(async () => {
    server = await startServer({ max_connections: '60' });
    arena = await openArena({ databaseUrl: server.url, env: { DB_STATEMENT_TIMEOUT: '2s' } });
  }, 180_000);
  afterAll(async () => {
    await arena.close();
    await server.stop();
  }, 180_000);

  test('taken by others to the last one, it refuses work for now, and all goes on behind it', async () => {
    const load = arena.load();
    await goesOn(load);
    const admin = await connect(server.url);
    const taken: pg.Client[] = [];
    const take = async (): Promise<void> => {
      const client = new pg.Client({ connectionString: server.url });
      await client.connect();
      client.on('error', () => undefined);
      taken.push(client);
    };
    // Ends the system's own connections and takes their places, until no place is left.
    const others = `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name like 'daybook%' and pid <> pg_backend_pid()`;
    await eventually(
      async () => {
        await admin.query(others);
        // All of them: one that came late would be nobody's.
        await Promise.allSettled(Array.from({ length: 20 }, take));
        expect(load.failures().length).toBeGreaterThanOrEqual(8);
      },
      { withinMs: 30_000 },
    );
    const query = await arena.person.call('GET', '/v1/market/overview');
    expect([200, 503]).toContain(query.status);
    for (const client of taken.splice(0)) await client.end();
    await goesOn(load);
    onlyPassing(load);
    await arena.clean();
    await isReady(arena.system);
  }, 240_000);
});
