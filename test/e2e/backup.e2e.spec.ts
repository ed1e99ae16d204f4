import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openShop, type RunningShop } from '@daybook/cli/demo/shop/shop.ts';
import pg from 'pg';
import { callerOf, must, signUp, type Person } from '../support/caller.ts';
import { eventually } from '../support/eventually.ts';
import { startLoad, type Load } from '../support/load.ts';
import { judge, settled, type Acked } from '../support/oracle.ts';
import { runDaybook } from '../support/processes.ts';
import { startSystem, type System } from '../support/system.ts';

const open: (() => Promise<unknown>)[] = [];
let folder: string;
let shop: RunningShop;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'daybook-backups-'));
  shop = await openShop({ seed: 3, slowMs: 50 });
  open.push(() => rm(folder, { recursive: true, force: true }), shop.close);
});
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
}, 60_000);

async function up(more: Partial<Parameters<typeof startSystem>[0]> = {}): Promise<System> {
  const running = await startSystem({
    mode: 'one process',
    env: { OUTBOUND_ALLOW_HOSTS: shop.host },
    ...more,
  });
  open.push(running.discard);
  return running;
}

function loadOf(person: Person): Load {
  const load = startLoad({
    person,
    page: (n) => `${shop.url}/products/harbour-mug?n=${String(n)}`,
    pages: 6,
  });
  // That of a test that failed still runs.
  open.push(load.stop);
  return load;
}

async function underLoad(first: System): Promise<Readonly<{ person: Person; load: Load }>> {
  const person = await signUp(callerOf(first.addresses));
  const load = loadOf(person);
  await load.acknowledged(40);
  return { person, load };
}

const upTo = (acked: readonly Acked[], position: string): readonly Acked[] =>
  acked.filter((one) => one.position <= position);

async function headOf(databaseUrl: string): Promise<string> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const { rows } = await client.query<{ head: string }>(
    `select lpad(max(position)::text, 20, '0') as head from log.events`,
  );
  await client.end();
  return rows[0]?.head ?? '';
}

describe('backup and restore', () => {
  test('what was made under load comes back in a fresh folder, and everybody goes on from there', async () => {
    const first = await up();
    const { person, load } = await underLoad(first);
    const backup = join(folder, 'backup');
    const made = await runDaybook(['backup', backup, '--with-secrets'], { DAYBOOK_DATA: first.folder });
    expect(made).toMatchObject({ code: 0 });
    await load.acknowledged(80);
    await load.stop();
    const other = join(folder, 'other');

    // Over live data, and beside a Daybook that runs: refused, and nothing changed.
    const head = await headOf(first.databaseUrl);
    const refused = await runDaybook(['restore', backup], { DAYBOOK_DATA: first.folder });
    expect(refused.code).not.toBe(0);
    expect(refused.says).toContain('is running in');
    await first.stop();
    const overData = await runDaybook(['restore', backup], { DAYBOOK_DATA: first.folder });
    expect(overData.code).toBe(1);
    expect(overData.says).toContain('a restore never writes over any');

    const restored = await runDaybook(['restore', backup], { DAYBOOK_DATA: other });
    expect(restored).toMatchObject({ code: 0 });
    const position = /up to position (\d{20})/.exec(restored.says)?.[1] ?? '';
    expect(position < head).toBe(true);
    const second = await up({ folder: other, addresses: first.addresses });
    await settled(second.databaseUrl);
    const acked = upTo(load.acked(), position);
    expect(acked.length).toBeGreaterThanOrEqual(40);
    expect(await judge({ databaseUrl: second.databaseUrl, acked })).toEqual([]);

    // Sealed fields open, tokens of before are known, new work is done.
    const again = loadOf(person);
    await again.acknowledged(10);
    await again.stop();
    await settled(second.databaseUrl);
    expect(await judge({ databaseUrl: second.databaseUrl, acked: [...acked, ...again.acked()] })).toEqual([]);
    // The first one still has all of its own.
    const third = await up({ folder: first.folder });
    await settled(third.databaseUrl);
    expect(await judge({ databaseUrl: third.databaseUrl, acked: load.acked() })).toEqual([]);
  }, 240_000);

  test('without the key nothing is begun, and it is said which', async () => {
    const first = await up();
    await signUp(callerOf(first.addresses));
    const backup = join(folder, 'backup');
    expect(await runDaybook(['backup', backup], { DAYBOOK_DATA: first.folder })).toMatchObject({ code: 0 });
    const other = join(folder, 'other');
    const refused = await runDaybook(['restore', backup], { DAYBOOK_DATA: other });
    expect(refused.says).toContain('ENCRYPTION_KEY');
    expect(refused.code).toBe(1);
    expect(existsSync(other)).toBe(false);
  }, 120_000);
});

describe('a log that lost its end', () => {
  test('its consumers stop and explain, and one command makes them whole', async () => {
    const first = await up();
    const { load } = await underLoad(first);
    await load.acknowledged(80);
    await load.stop();
    await settled(first.databaseUrl);
    const lost = 25;

    // While it runs: consumers stop, and readiness says why.
    const client = new pg.Client({ connectionString: first.databaseUrl });
    await client.connect();
    await client.query(`set session_replication_role = replica`);
    await client.query(
      'delete from log.events where position > (select max(position) from log.events) - $1',
      [lost],
    );
    const head = await headOf(first.databaseUrl);
    await client.end();
    await eventually(
      async () => {
        const answer = await fetch(`${first.addresses.commands}/readyz`);
        expect(answer.status).toBe(503);
        expect(await answer.text()).toContain('daybook recover');
      },
      { withinMs: 40_000, everyMs: 200 },
    );
    expect(first.output()).toContain('The log is not what its consumers took in; they stop.');
    await first.stop();

    // At the start: it is refused.
    const refused = await runDaybook(['up', '--port', '0'], { DAYBOOK_DATA: first.folder });
    expect(refused.code).toBe(1);
    expect(refused.says).toContain('The log ends before what its consumers took in');

    const mended = await runDaybook(['recover'], { DAYBOOK_DATA: first.folder });
    expect(mended.says).toContain(`agree up to position ${head}`);
    expect(mended).toMatchObject({ code: 0 });
    expect((await runDaybook(['recover'], { DAYBOOK_DATA: first.folder })).says).toContain('nothing to mend');

    const second = await up({ folder: first.folder });
    await settled(second.databaseUrl, 90_000);
    expect(await judge({ databaseUrl: second.databaseUrl, acked: upTo(load.acked(), head) })).toEqual([]);
    must(await (await signUp(callerOf(second.addresses))).call('GET', '/v1/market/products'), 200);
  }, 240_000);
});
