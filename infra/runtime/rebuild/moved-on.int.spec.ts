import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '@daybook/test/support/eventually.ts';
import { onFailpoint } from '../../failpoints/failpoint.ts';
import type { FailpointName } from '../../failpoints/names.ts';
import { openHouse, things, type House } from './rebuild.fixture.ts';

let house: House;
let disarm: (() => void)[] = [];
beforeEach(async () => {
  house = await openHouse();
  await house.happen(10);
});
afterEach(async () => {
  for (const one of disarm) one();
  disarm = [];
  await house.close();
});

/** Whoever comes first to a place waits there. */
function holdAt(name: FailpointName): Readonly<{ isThere: () => boolean; letGo: () => void }> {
  const arrived = new AbortController();
  const free = new AbortController();
  const off = onFailpoint(name, {
    nth: 1,
    does: async () => {
      arrived.abort();
      if (!free.signal.aborted) await once(free.signal, 'abort');
    },
  });
  const letGo = (): void => {
    free.abort();
  };
  disarm.push(off, letGo);
  return { isThere: () => arrived.signal.aborted, letGo };
}

const reached = (place: ReturnType<typeof holdAt>) => eventually(() => expect(place.isThere()).toBe(true));

async function running(version = 1): Promise<ReturnType<House['project']>> {
  const one = house.project(things({ version }));
  await eventually(() => expect(one.ready()).toBe(true));
  return one;
}

/** What the view shows. */
async function shown(): Promise<unknown> {
  const { rows } = await house.opened.database.pool.query(
    `select version, build from runtime.read_models where projection = 'testThings'`,
  );
  return rows[0];
}

describe('a view that shows something else by the time', () => {
  test('of a start’s turn: what a rebuild shows meanwhile stays shown', async () => {
    const late = holdAt('checkpoints.touching');
    const { ready } = house.project();
    await reached(late);
    await running();
    await house.rebuild();
    late.letGo();
    await eventually(() => expect(ready()).toBe(true));
    expect(await shown()).toEqual({ version: 1, build: 2 });
    await house.happen(10);
    await house.settled();
  });

  test('of a rebuild’s turn: it is its own version, whose tables are compared with while the former stand still', async () => {
    const former = await running();
    const starting = holdAt('checkpoints.touching');
    const { ready } = house.project(things({ version: 2 }));
    await reached(starting);
    const folding = holdAt('fold.written');
    const rebuilt = house.rebuild(things({ version: 2 }));
    await reached(folding);
    await former.stop();
    starting.letGo();
    await eventually(() => expect(ready()).toBe(true));
    await house.happen(10);
    await house.settled();
    folding.letGo();
    expect(await rebuilt).toMatchObject({ from: { version: 2, build: 1 }, to: { version: 2, build: 2 } });
    await house.happen(10);
    await house.settled();
  });

  test.each([
    ['rebuild', 'shows version 2, and this code has version 1', () => house.rebuild()],
    ['rollback', 'shows other tables by now', () => house.rollBack()],
  ] as const)('of a %s’s turn: a later version stays shown, and it is refused', async (_, says, work) => {
    await running();
    await house.rebuild();
    await house.happen(10);
    await house.settled();
    const folding = holdAt('fold.written');
    const worked = work();
    await reached(folding);
    await running(2);
    folding.letGo();
    await expect(worked).rejects.toMatchObject({
      code: 'maintenance-refused',
      message: expect.stringContaining(says),
    });
    expect(await shown()).toEqual({ version: 2, build: 1 });
  });
});

describe('tables that stand still', () => {
  const died = { nth: 1, does: () => Promise.reject(new Error('died')) };

  test('those of a version that was gone back to, ahead of which a rebuild died, are compared with all the same', async () => {
    const former = await running();
    await former.stop();
    await running(2);
    await house.rollBack();
    await house.happen(6_000);
    await house.settled(things({ version: 2 }), 'read.test_things_v2');
    disarm.push(onFailpoint('readModel.showing', died));
    await expect(house.rebuild(things({ version: 2 }))).rejects.toThrow('died');
    const report = await house.rebuild(things({ version: 2 }));
    expect(report).toMatchObject({ from: { version: 1, build: 1 }, resumed: false, switched: true });
    await house.settled();
  });

  test('those that have more than the log: the rebuild says so', async () => {
    const former = await running();
    await former.stop();
    const { pool } = house.opened.database;
    await pool.query(`update runtime.checkpoints set position = '9' || substr(position, 2)`);
    await expect(house.rebuild()).rejects.toMatchObject({ code: 'log-mismatch' });
  });
});
