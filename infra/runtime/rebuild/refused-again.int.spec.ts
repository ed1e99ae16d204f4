import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openHouse, things, type House } from './rebuild.fixture.ts';

let house: House;
beforeEach(async () => {
  house = await openHouse();
});
afterEach(() => house.close());

/** A version of which one event is refused while `broken` names its thing. */
const broken = { at: '' };
const next = things({ version: 2, throwsAt: (thing) => thing === broken.at });

const refusal = {
  code: 'configuration-invalid',
  message: expect.stringMatching(
    /cannot take in the Happened at position \d+ of tenant a: .*No such thing.*Mend the projection, then try again\.$/,
  ),
};

async function givenRefused(): Promise<void> {
  const { stop } = house.project();
  await house.happen(20);
  await house.happen(1, { tenantId: 'a', thing: 'odd' });
  await house.happen(5);
  await house.settled();
  await stop();
  broken.at = 'odd';
}

describe('a rebuild that is gone on with', () => {
  test('names the event that it still cannot take in, where it stands and what to do', async () => {
    await givenRefused();
    await expect(house.rebuild(next)).rejects.toMatchObject(refusal);
    await expect(house.rebuild(next)).rejects.toMatchObject(refusal);
  });

  test('takes in what was refused before and no longer is', async () => {
    await givenRefused();
    await expect(house.rebuild(next)).rejects.toMatchObject(refusal);
    broken.at = '';
    expect(await house.rebuild(next)).toMatchObject({ resumed: true, switched: true, heldBack: 0 });
    expect(await house.shown()).toEqual(await house.folded(next));
  });
});
