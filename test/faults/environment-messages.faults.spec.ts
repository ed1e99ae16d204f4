import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { openDatabase, type Database } from '@daybook/infra/database/database.ts';
import { postgresWakeups, type Wakeups } from '@daybook/infra/database/wakeups.ts';
import { postgresTopics } from '@daybook/infra/topics/postgres-topics.ts';
import { frame } from '@daybook/infra/registry/framing.ts';
import type { InMessage, OutMessage, Topics } from '@daybook/kernel/ports/topics.ts';
import { eventsTopic, priceObservationsTopic, scrapeRequestsTopic } from '@daybook/schemas/topics.ts';
import { callerOf, must } from '../support/caller.ts';
import { eventually } from '../support/eventually.ts';
import { settled } from '../support/oracle.ts';
import { silentLog } from '../support/silent-log.ts';
import { goesOn, openArena, type Arena } from './arena.ts';
import { isBehind, isCurrent, junk, parkedOf, twoTenants } from './two-tenants.ts';

let arena: Arena;
let database: Database;
let wakeups: Wakeups;
let topics: Topics;
beforeAll(async () => {
  arena = await openArena();
  database = openDatabase({ url: arena.system.databaseUrl, log: silentLog });
  wakeups = postgresWakeups(database, silentLog);
  topics = postgresTopics({ database, wakeups, log: silentLog, retention: { everyMs: 0 } });
}, 180_000);
afterAll(async () => {
  await topics.close();
  await wakeups.close();
  await database.close();
  await arena.close();
}, 180_000);

describe('messages that come again', () => {
  test.each([
    ['one event a thousand times', async () => copies((await messagesOf(eventsTopic)).slice(-1), 1_000)],
    ['the whole topic of events once more', () => messagesOf(eventsTopic)],
    [
      'the last hundred events in another order',
      async () => shuffled((await messagesOf(eventsTopic)).slice(-100)),
    ],
    [
      'one request for a page a thousand times',
      async () => copies((await messagesOf(scrapeRequestsTopic)).slice(-1), 1_000),
    ],
    [
      'one observation a thousand times',
      async () => copies((await messagesOf(priceObservationsTopic)).slice(-1), 1_000),
    ],
  ])(
    '%s: the read models stay the same, and so do they under load',
    async (name, again) => {
      const topic = name.includes('request')
        ? scrapeRequestsTopic
        : name.includes('observation')
          ? priceObservationsTopic
          : eventsTopic;
      const first = arena.load({ pages: 1 });
      await goesOn(first, 10);
      await arena.clean();
      const before = await readModelHash();
      await topics.publish(topic, await again());
      await settled(arena.system.databaseUrl, 60_000);
      expect(await readModelHash()).toEqual(before);
      const load = arena.load({ pages: 1 });
      await goesOn(load, 10);
      await topics.publish(topic, await again());
      await goesOn(load, 10);
      await arena.clean();
    },
    240_000,
  );
});

describe('messages that nobody can handle', () => {
  test.each([
    ['bytes that are no message', (key: string): OutMessage => junk(key, Buffer.from('not a message'))],
    ['a schema that nobody registered', (key: string) => junk(key, frame(999_999, Buffer.alloc(16)))],
    ['50 MB of nothing', (key: string) => junk(key, Buffer.alloc(50 * 1024 * 1024, 7))],
  ])(
    '%s: parked by each consumer, one tenant waits, the others go on',
    async (_, poison) => {
      const [sick, well, sickLoad, wellLoad] = await twoTenants(arena);
      await topics.publish(eventsTopic, [poison(sick.tenantId)]);
      await goesOn(sickLoad, 10);
      await goesOn(wellLoad, 10);
      // All but the process that does what is decided about them.
      const parked = await parkedOf(sick, (await consumersOf(eventsTopic)) - 1);
      for (const one of parked) {
        expect(one.reason).toMatch(/^[a-z-]+$/);
        expect(one.attempts).toBeGreaterThanOrEqual(1);
      }
      expect(must(await well.call('GET', '/v1/operations/parked'), 200)).toMatchObject({ items: [] });
      await isCurrent(well, wellLoad);
      await isBehind(sick, sickLoad);
      for (const { parkedId } of parked) {
        const path = `/v1/operations/parked/${parkedId}/skip`;
        must(await sick.call('POST', path, { body: { reason: 'A message of a test.' } }), 202);
      }
      await isCurrent(sick, sickLoad);
      await arena.clean();
    },
    240_000,
  );

  test.each([
    ['a fold whose outcome is refused', 'read', (table: string) => table.startsWith('products_')],
    ['a process whose state is refused', 'runtime', (table: string) => table === 'process_instances'],
  ])(
    '%s, for one tenant: it is parked, and a retry restores the order',
    async (_, schema, wanted) => {
      const [sick, well, sickLoad, wellLoad] = await twoTenants(arena);
      await goesOn(sickLoad, 10);
      const table = await tableOf(schema, wanted);
      await refuseFor(sick.tenantId, table);
      must(
        await sick.call('POST', '/v1/market/products', {
          body: { url: `${arena.shop.url}/products/fjord-kettle` },
        }),
        201,
      );
      await goesOn(sickLoad, 10);
      await goesOn(wellLoad, 10);
      const parked = await parkedOf(sick, 1);
      await isCurrent(well, wellLoad);
      await acceptAgain(table);
      for (const { parkedId } of parked) {
        must(await sick.call('POST', `/v1/operations/parked/${parkedId}/retry`, { body: {} }), 202);
      }
      await eventually(
        async () =>
          expect(must(await sick.call('GET', '/v1/operations/parked'), 200)).toMatchObject({ items: [] }),
        { withinMs: 60_000 },
      );
      await isCurrent(sick, sickLoad);
      await arena.clean();
    },
    240_000,
  );
});

describe('consumers that stand still', () => {
  test('a stuck one holds nobody up: memory stays flat, the lag is told, and it catches up when it may', async () => {
    const load = arena.load({ pages: 1 });
    await goesOn(load, 10);
    // Of the tenant that the callers are of: its partition is the one that stands still.
    const message = (await messagesOf(eventsTopic)).findLast(({ key }) => key === arena.person.tenantId);
    const table = await tableOf('read', (name) => name.startsWith('products_'));
    const holder = new pg.Client({ connectionString: arena.system.databaseUrl });
    await holder.connect();
    await holder.query('begin');
    await holder.query(`lock table ${table} in access exclusive mode`);
    const many = message === undefined ? [] : copies([message], 1_000);
    /** Everybody else is through, and the one that stands still says by how much. */
    const behindBy = async (events: number): Promise<void> => {
      for (let round = 0; round < 10; round += 1) await topics.publish(eventsTopic, many);
      await eventually(
        async () => {
          const lags = await lagMetrics();
          expect(lags.get('products')).toBeGreaterThanOrEqual(events);
          for (const [name, lag] of lags) {
            if (name !== 'products') expect([name, lag < 2_000]).toEqual([name, true]);
          }
        },
        { withinMs: 90_000, everyMs: 500 },
      );
    };
    try {
      await eventually(
        async () => {
          const { rows } = await database.pool.query(
            'select 1 from pg_locks where not granted and relation = $1::regclass',
            [table],
          );
          expect(rows.length).toBeGreaterThan(0);
        },
        { withinMs: 60_000 },
      );
      await behindBy(9_000);
      const before = await heapMb();
      await behindBy(18_000);
      // What waits stays where it is: twice the backlog keeps no more memory, once garbage is collected.
      await eventually(async () => expect((await heapMb()) - before).toBeLessThan(40), { withinMs: 60_000 });
    } finally {
      await holder.query('rollback');
      await holder.end();
    }
    await eventually(async () => expect((await lagMetrics()).get('products')).toBeLessThan(500), {
      withinMs: 90_000,
      everyMs: 500,
    });
    await arena.clean();
  }, 300_000);

  test('a slow one lags alone, and what it lost by a rebalance comes to another', async () => {
    const load = arena.load({ pages: 1 });
    const slow = new AbortController();
    const seen = new Set<string>();
    const handle =
      (wait: (signal: AbortSignal) => Promise<void>) =>
      async ({ messages }: { messages: readonly InMessage[] }): Promise<{ do: 'done' }> => {
        await wait(slow.signal);
        for (const { partition, offset } of messages) seen.add(`${String(partition)}/${String(offset)}`);
        return { do: 'done' };
      };
    const group = 'a slow one';
    // It answers for a batch only once it is told to leave.
    const slowly = topics.run(eventsTopic, group, handle(until), { signal: slow.signal, maxBatch: 10 });
    await goesOn(load, 40);
    await isCurrent(arena.person, load);
    const lag = await topics.lag(eventsTopic, group);
    expect(lag.reduce((sum, { next, end }) => sum + end - next, 0)).toBeGreaterThan(40);
    const quick = new AbortController();
    const other = topics.run(
      eventsTopic,
      group,
      handle(async () => Promise.resolve()),
      { signal: quick.signal },
    );
    slow.abort();
    await slowly;
    await load.stop();
    await eventually(
      async () => {
        const rest = await topics.lag(eventsTopic, group);
        expect(rest.every(({ next, end }) => next === end)).toBe(true);
        expect(seen.size).toBe(rest.reduce((sum, { end }) => sum + end, 0));
      },
      { withinMs: 60_000 },
    );
    await arena.clean();
    quick.abort();
    await other;
  }, 240_000);
});

function until(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done();
    else
      signal.addEventListener(
        'abort',
        () => {
          done();
        },
        { once: true },
      );
  });
}

function copies(messages: readonly OutMessage[], times: number): readonly OutMessage[] {
  return Array.from({ length: times }, () => messages).flat();
}

function shuffled(messages: readonly OutMessage[]): readonly OutMessage[] {
  return messages
    .map((message, index) => ({ message, at: (index * 7_919) % 101 }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ message }) => message);
}

async function messagesOf(topic: string): Promise<readonly OutMessage[]> {
  const { rows } = await database.pool.query<OutMessage>(
    `select m.key, m.value, m.headers from topics.messages m join topics.topics t using (topic_id)
      where t.name = $1 order by m.partition, m."offset"`,
    [topic],
  );
  return rows;
}

async function consumersOf(topic: string): Promise<number> {
  const { rows } = await database.pool.query<{ count: number }>(
    `select count(distinct g.group_name) as count from topics.groups g join topics.topics t using (topic_id)
      where t.name = $1 and g.group_name not like 'oracle%' and g.group_name <> 'a slow one'`,
    [topic],
  );
  return rows[0]?.count ?? 0;
}

/** One hash a read model. */
async function readModelHash(): Promise<unknown> {
  const tables = await tablesOf('read');
  const hashes = tables.map(async (table) => {
    const { rows } = await database.pool.query<{ hash: string }>(
      `select md5(coalesce(string_agg(t::text, '|' order by t::text), '')) as hash from ${table} t`,
    );
    return [table, rows[0]?.hash];
  });
  return Object.fromEntries((await Promise.all(hashes)) as [string, string][]);
}

async function tablesOf(schema: string): Promise<readonly string[]> {
  const { rows } = await database.pool.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = $1 order by 1`,
    [schema],
  );
  return rows.map(({ name }) => name);
}

async function tableOf(schema: string, wanted: (table: string) => boolean): Promise<string> {
  const found = (await tablesOf(schema)).find((name) => wanted(name.split('.')[1] ?? ''));
  if (found === undefined) throw new Error(`There is no such table in ${schema}.`);
  return found;
}

/** 22023: the outcome does not fit, which is what a fold that throws for one tenant comes to. */
async function refuseFor(tenantId: string, table: string): Promise<void> {
  await database.pool.query(`
    create function public.refuse() returns trigger language plpgsql as $$
    begin
      if new.tenant_id = '${tenantId}' then raise exception 'refused' using errcode = '22023'; end if;
      return new;
    end $$;
    create trigger refuse before insert or update on ${table} for each row execute function public.refuse()`);
}

async function acceptAgain(table: string): Promise<void> {
  await database.pool.query(`drop trigger refuse on ${table}; drop function public.refuse()`);
}

async function lagMetrics(): Promise<ReadonlyMap<string, number>> {
  const text = String((await callerOf(arena.system.addresses)('GET', '/metrics')).body);
  const lags = new Map<string, number>();
  for (const [, name = '', lag] of text.matchAll(
    /^daybook_projector_lag_events\{projection="(\w+)".*\} (\d+)$/gm,
  )) {
    lags.set(name, (lags.get(name) ?? 0) + Number(lag));
  }
  return lags;
}

async function heapMb(): Promise<number> {
  const text = String((await callerOf(arena.system.addresses)('GET', '/metrics')).body);
  return Number(/^nodejs_heap_size_used_bytes (\S+)$/m.exec(text)?.[1]) / 1e6;
}
