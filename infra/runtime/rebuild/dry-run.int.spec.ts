import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { onFailpoint } from '../../failpoints/failpoint.ts';
import { openHouse, type House } from './rebuild.fixture.ts';

let house: House;
beforeEach(async () => {
  house = await openHouse();
  house.project();
  await house.happen(50);
  await house.settled();
});
afterEach(() => house.close());

async function dying(more: Readonly<{ dryRun?: boolean }> = {}): Promise<void> {
  const disarm = onFailpoint('fold.written', {
    does: () => {
      throw new Error('died');
    },
  });
  await expect(house.rebuild(undefined, more)).rejects.toThrow('died');
  disarm();
}

async function builds(): Promise<unknown> {
  return (await house.opened.database.pool.query('select * from runtime.builds order by build')).rows;
}

test('a dry run leaves a rebuild alone that was interrupted, and says how to finish it', async () => {
  await dying();
  const left = await builds();
  await expect(house.rebuild(undefined, { dryRun: true })).rejects.toMatchObject({
    code: 'maintenance-refused',
    message: expect.stringMatching(/was interrupted \(build 2\).*"daybook rebuild testThings" to finish it/),
  });
  expect(await builds()).toEqual(left);
  await expect(house.rebuild()).resolves.toMatchObject({ resumed: true, switched: true });
});

test('a dry run that died is gone on with by a dry run, and by no rebuild', async () => {
  await dying({ dryRun: true });
  await expect(house.rebuild(undefined, { dryRun: true })).resolves.toMatchObject({ resumed: true });
  await dying({ dryRun: true });
  await expect(house.rebuild()).resolves.toMatchObject({ resumed: false, switched: true });
  expect(await house.tables()).toHaveLength(2);
});
