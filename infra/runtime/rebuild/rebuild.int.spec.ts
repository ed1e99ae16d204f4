import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { AnyProjection } from '@daybook/kernel/projection.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { onFailpoint } from '../../failpoints/failpoint.ts';
import type { FailpointName } from '../../failpoints/names.ts';
import { readCheckpoints } from '../checkpoints.ts';
import { isLevel } from './fold-target.ts';
import { openHouse, things, topic, type House } from './rebuild.fixture.ts';

let house: House;
beforeEach(async () => {
  house = await openHouse();
});
afterEach(() => house.close());

const doubled = (version = 1): AnyProjection => things({ version, each: (by) => 2 * by });
const query = async <R extends object>(sql: string): Promise<readonly R[]> =>
  (await house.opened.database.pool.query<R>(sql)).rows;

/** The id of the event whose data are so. */
async function eventOf(isIt: (data: { thing: string; by: number }) => boolean): Promise<string> {
  for await (const page of house.store.readAll()) {
    for (const { id, data } of page) if (isIt(data as { thing: string; by: number })) return id;
  }
  throw new Error('There is no such event.');
}

async function givenThings(events: number): Promise<void> {
  await house.happen(events);
  const { ready } = house.project();
  await eventually(() => expect(ready()).toBe(true));
  await house.settled();
}

describe('a rebuild', () => {
  test('makes equal tables beside the live ones, switches, and the projectors that run go on with them', async () => {
    await givenThings(60);
    const report = await house.rebuild();
    expect(report).toMatchObject({
      from: { version: 1, build: 1 },
      to: { version: 1, build: 2 },
      switched: true,
      resumed: false,
      events: 60,
      difference: { added: 0, removed: 0, changed: 0, comparable: true },
    });
    expect(report.difference.rows.before).toBe(report.difference.rows.after);
    await house.happen(40);
    await house.settled();
    const [row] = await query<{ untouched: boolean }>(
      `select sum(times) < (select sum(times) from read.test_things_v1_b2) as untouched from read.test_things_v1`,
    );
    expect(row?.untouched).toBe(true);
  });

  test('says which rows differ, with examples by key, and shows what is sealed to nobody', async () => {
    await house.happen(30);
    await house.happen(1, { thing: 'secret', note: 'sealed:v1:ciphertext', tenantId: 'a' });
    house.project();
    await house.settled();
    await query(`delete from read.test_things_v1 where tenant_id = 'b' and thing = 'thing-1'`);
    await query(`update read.test_things_v1 set times = 0, last = 'sealed:v1:other' where thing = 'secret'`);
    await query(`insert into read.test_things_v1 values ('z', 'ghost', 1, 'sealed:v1:ghost')`);
    const { difference } = await house.rebuild();
    expect(difference).toMatchObject({ added: 1, removed: 1, changed: 1 });
    expect(difference.examples).toEqual({
      added: [{ tenantId: 'b', key: { thing: 'thing-1' }, changes: {} }],
      removed: [{ tenantId: 'z', key: { thing: 'ghost' }, changes: {} }],
      changed: [
        {
          tenantId: 'a',
          key: { thing: 'secret' },
          changes: { times: [0, expect.any(Number)], last: ['(sealed)', '(sealed)'] },
        },
      ],
    });
    await house.settled();
  });

  test('with --dry-run tells the difference and leaves nothing behind', async () => {
    await givenThings(30);
    const before = await house.shown();
    const { difference, switched } = await house.rebuild(doubled(), { dryRun: true });
    expect(switched).toBe(false);
    expect(difference.changed).toBe(difference.rows.before);
    expect(await house.shown()).toEqual(before);
    expect(await house.tables()).toEqual(['test_things_v1']);
    expect(await query('select from runtime.builds where build > 1')).toEqual([]);
    expect(await query(`select from runtime.checkpoints where consumer like '% build %'`)).toEqual([]);
  });

  test('keeps the tables before, and drops those before them', async () => {
    await givenThings(10);
    await house.rebuild();
    const { dropped } = await house.rebuild();
    expect(dropped).toEqual([{ version: 1, build: 1 }]);
    expect(await house.tables()).toEqual(['test_things_v1_b2', 'test_things_v1_b3']);
    expect(await query(`select distinct consumer from runtime.checkpoints order by 1`)).toEqual([
      { consumer: 'testThings build 2' },
      { consumer: 'testThings build 3' },
    ]);
    await house.happen(5);
    await house.settled();
  });

  test('works where nobody projects, and projectors that start later go on from there', async () => {
    const { stop } = house.project();
    await house.happen(20);
    await house.settled();
    await stop();
    await house.happen(15);
    await house.rebuild(doubled());
    house.project(doubled());
    await house.settled(doubled());
  });

  test('has one owner: another one is told who, and changes nothing', async () => {
    await givenThings(10);
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const disarm = onFailpoint('rebuild.made', { does: () => promise });
    const first = house.rebuild(things(), { owner: 'process 42 on host' });
    await eventually(async () => expect(await house.tables()).toHaveLength(2));
    await expect(house.rebuild()).rejects.toMatchObject({
      code: 'maintenance-refused',
      message: expect.stringMatching(/is being rebuilt: rebuild by process 42 on host, since 20/),
    });
    await expect(house.rollBack()).rejects.toMatchObject({ code: 'maintenance-refused' });
    disarm();
    resolve(undefined);
    await expect(first).resolves.toMatchObject({ switched: true });
  });

  test('is refused where there is nothing to rebuild', async () => {
    await expect(house.rebuild()).rejects.toMatchObject({ code: 'maintenance-refused' });
    expect(await house.tables()).toEqual([]);
    await house.happen(3);
    house.project(things({ version: 2 }));
    await house.settled();
    await expect(house.rebuild()).rejects.toThrow('shows version 2, and this code has version 1');
  });

  test('stops at an event that it cannot take in, says which, and changes nothing', async () => {
    await givenThings(20);
    const throwsAt = (thing: string): boolean => thing === 'thing-3';
    await expect(house.rebuild(things({ throwsAt }))).rejects.toMatchObject({
      code: 'configuration-invalid',
      message: expect.stringMatching(/testThings cannot take in the Happened at position \d+ of tenant \w/),
    });
    await house.happen(5);
    await house.settled();
    // Mended code begins anew.
    await expect(house.rebuild(things(), { fingerprint: 'mended' })).resolves.toMatchObject({
      resumed: false,
    });
    expect(await house.tables()).toHaveLength(2);
  });

  test('leaves out what somebody gave up and it cannot take in, whoever refuses it', async () => {
    await givenThings(20);
    await house.happen(1, { tenantId: 'b', by: 3_000_000_000 });
    await house.happen(1, { tenantId: 'c', thing: 'broken' });
    await house.happen(20);
    // What serves has it: a rebuild goes no further than that.
    await eventually(async () => expect((await house.shown()).map(({ thing }) => thing)).toContain('broken'));
    const unlike = (thing: string): boolean => thing === 'broken';
    await expect(house.rebuild(things({ throwsAt: unlike }))).rejects.toThrow('cannot take in');
    const given = await eventOf(({ by }) => by > 1_000);
    const broken = await eventOf(({ thing }) => thing === 'broken');
    await query(`
      create table read.parked_decisions (event_id text, kind text, act text, consumer text);
      insert into read.parked_decisions select id, 'message', 'skipped', 'testThings.v1'
      from unnest(array['${given}', '${broken}']) id`);
    await house.rebuild(things({ throwsAt: unlike }), { fingerprint: 'again' });
    const held = `select from runtime.holds where consumer = 'testThings build 2' and tenant_id = 'c'`;
    expect(await query(held)).toEqual([]);
    const rows = await house.shown();
    expect(rows.filter(({ thing }) => thing === 'broken')).toEqual([]);
    const ofC = (all: readonly Record<string, unknown>[]) =>
      all.filter((row) => row['tenant_id'] === 'c' && row['thing'] !== 'broken');
    expect(ofC(rows)).toEqual(ofC(await house.folded()));
  });

  test('keeps tenants held back where they were held back', async () => {
    const broken = { at: 'thing-3' };
    const projection = things({ throwsAt: (thing) => thing === broken.at });
    const { ready } = house.project(projection);
    await eventually(() => expect(ready()).toBe(true));
    await house.happen(40);
    const holds = `select tenant_id, position, reason from runtime.holds where consumer = `;
    await eventually(async () => expect(await query(`${holds} 'testThings'`)).toHaveLength(5));
    const letters = (): Promise<number> => house.topics.deadLetters(topic.name).then(({ length }) => length);
    await eventually(async () => expect(await letters()).toBeGreaterThan(5));
    const { heldBack, difference } = await house.rebuild(projection);
    expect(heldBack).toBe(5);
    expect(difference).toMatchObject({ added: 0, removed: 0, changed: 0 });
    expect(await query(`${holds} 'testThings build 2' order by 1`)).toEqual(
      await query(`${holds} 'testThings' order by 1`),
    );
    broken.at = '';
    for (const { id, parked } of await house.topics.deadLetters(topic.name)) {
      if (parked) await house.topics.release(id);
    }
    await house.settled();
  });
});

describe('going back', () => {
  test('shows the tables before, with what came since; once more goes forward again', async () => {
    await givenThings(20);
    await house.rebuild(doubled());
    await house.happen(10);
    await eventually(async () => expect((await house.shown()).length).toBeGreaterThan(0));
    expect(await house.rollBack()).toMatchObject({
      from: { version: 1, build: 2 },
      to: { version: 1, build: 1 },
    });
    await house.settled();
    await house.happen(10);
    await house.settled();
    await house.rollBack();
    expect(await query('select version, build from runtime.read_models')).toEqual([{ version: 1, build: 2 }]);
  });

  test('is refused where there is nothing to go back to, or not by this code', async () => {
    await givenThings(5);
    await expect(house.rollBack()).rejects.toThrow('there is nothing to go back to');
    house.project(things({ version: 2 }));
    await eventually(async () =>
      expect(await query('select version from runtime.read_models')).toEqual([{ version: 2 }]),
    );
    await expect(house.rollBack(things({ version: 2 }))).rejects.toThrow(
      'go back with the Daybook that has version 1',
    );
    expect(await query('select version from runtime.read_models')).toEqual([{ version: 2 }]);
  });

  test('a version that was gone back from is not shown again by a start', async () => {
    await givenThings(10);
    const second = things({ version: 2, note: 'text' });
    const running = house.project(second);
    await eventually(() => expect(running.ready()).toBe(true));
    await running.stop();
    await house.rollBack();
    await house.happen(10);
    const again = house.project(second);
    await eventually(() => expect(again.ready()).toBe(true));
    expect(await query('select version, build from runtime.read_models')).toEqual([{ version: 1, build: 1 }]);
    await house.settled();
    await house.rebuild(second);
    await house.settled(second);
  });
});

describe('a later version', () => {
  test('is shown once it has what the former shows, with other columns, while the former goes on', async () => {
    await givenThings(40);
    const next = things({ version: 2, note: 'text' });
    house.project(next);
    await house.settled(next);
    await house.happen(20);
    await house.settled(next);
    await eventually(async () =>
      expect(await house.shown('read.test_things_v1')).toEqual(await house.folded()),
    );
  });

  test('that cannot take an event in is not shown, and says so; the former serves', async () => {
    await givenThings(20);
    const broken = house.project(things({ version: 2, throwsAt: (thing) => thing === 'thing-2' }));
    await expect(broken.ended).rejects.toThrow('Version 1 stays shown.');
    expect(broken.ready()).toBe(false);
    await house.happen(5);
    await house.settled();
  });

  test('drops the versions before the former, with their groups', async () => {
    for (const version of [1, 2, 3]) {
      const { ready, stop } = house.project(things({ version }));
      await house.happen(4);
      await eventually(() => expect(ready()).toBe(true));
      await house.settled();
      await stop();
      await query(`update runtime.checkpoints set moved_at = now() - interval '11 minutes'`);
    }
    expect(await house.tables()).toEqual(['test_things_v2', 'test_things_v3']);
    expect(await query('select from runtime.builds where version = 1')).toEqual([]);
    const [lag] = await house.topics.lag(topic.name, 'testThings.v1');
    expect(lag?.next).toBe(0);
  });
});

describe('events that a first fold cannot take in', () => {
  test('are parked with what follows for their tenant; the others are served, and a retry mends it', async () => {
    await house.happen(60);
    const broken = { at: 'thing-4' };
    const projection = things({ throwsAt: (thing) => thing === broken.at });
    const { ready } = house.project(projection);
    await eventually(() => expect(ready()).toBe(true));
    await house.happen(20);
    await house.happen(5, { tenantId: 'f', thing: 'else' });
    await eventually(async () =>
      expect((await house.shown()).find((row) => row['tenant_id'] === 'f')?.['times']).toBe(
        (await house.folded()).find((row) => row['tenant_id'] === 'f')?.['times'],
      ),
    );
    expect(await query('select tenant_id from runtime.holds order by 1')).toHaveLength(5);
    broken.at = '';
    for (const { id, parked } of await house.topics.deadLetters(topic.name)) {
      if (parked) await house.topics.release(id);
    }
    await house.settled();
    await house.happen(10);
    await house.settled();
    await eventually(async () => expect(await query('select from runtime.holds')).toEqual([]));
  });

  test('also where the database refuses what they come to', async () => {
    await house.happen(30);
    await house.happen(1, { tenantId: 'b', by: 3_000_000_000 });
    await house.happen(30);
    const { ready } = house.project();
    await eventually(() => expect(ready()).toBe(true), { withinMs: 30_000 });
    const held = await query<{ tenant_id: string; reason: string }>(
      'select tenant_id, reason from runtime.holds',
    );
    expect(held).toEqual([{ tenant_id: 'b', reason: expect.stringContaining('22003') }]);
    const others = (rows: readonly Record<string, unknown>[]) =>
      rows.filter((row) => row['tenant_id'] !== 'b');
    expect(others(await house.shown())).toEqual(others(await house.folded()));
    const parked = (await house.topics.deadLetters(topic.name)).filter((letter) => letter.parked);
    expect(parked.map(({ message }) => message.key)).toEqual(['b']);
  });
});

describe('a death', () => {
  const dying = async (name: FailpointName, nth = 1): Promise<void> => {
    const disarm = onFailpoint(name, {
      nth,
      does: () => {
        throw new Error('died');
      },
    });
    await expect(house.rebuild(doubled())).rejects.toThrow('died');
    disarm();
  };

  test.each(['fold.writing', 'fold.written', 'rebuild.made'] as const)(
    'at %s leaves a rebuild to be resumed',
    async (name) => {
      await givenThings(50);
      await dying(name);
      await house.happen(10);
      await house.settled();
      const { resumed, difference } = await house.rebuild(doubled());
      expect(resumed).toBe(true);
      expect(difference.changed).toBe(difference.rows.before);
      expect(await house.tables()).toEqual(['test_things_v1', 'test_things_v1_b2']);
    },
  );

  test('at rebuild.making leaves nothing', async () => {
    await givenThings(10);
    await dying('rebuild.making');
    expect(await house.tables()).toEqual(['test_things_v1']);
    await expect(house.rebuild(doubled())).resolves.toMatchObject({ resumed: false });
  });

  test('at readModel.showing leaves the former tables shown', async () => {
    await givenThings(30);
    await dying('readModel.showing');
    await house.happen(10);
    await house.settled();
    await expect(house.rebuild(doubled())).resolves.toMatchObject({ resumed: true, switched: true });
  });

  test.each(['readModel.shown', 'rebuild.dropping', 'rebuild.dropped'] as const)(
    'at %s leaves the new tables shown',
    async (name) => {
      await givenThings(30);
      await dying(name);
      expect(await query('select build from runtime.read_models')).toEqual([{ build: 2 }]);
      await house.happen(10);
      await eventually(async () => {
        const { database } = house.opened;
        const own = await readCheckpoints(database.pool, { name: 'testThings build 2', version: 1 });
        const former = await readCheckpoints(database.pool, { name: 'testThings', version: 1 });
        expect(isLevel(own, former) && !isLevel(former, own)).toBe(true);
      });
      await house.rebuild();
      await house.settled();
      expect(await house.tables()).toEqual(['test_things_v1_b2', 'test_things_v1_b3']);
    },
  );
});
