import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { eventually } from '@daybook/test/support/eventually.ts';
import { onFailpoint } from '../../failpoints/failpoint.ts';
import type { FailpointName } from '../../failpoints/names.ts';
import { openHouse, things, type House } from './rebuild.fixture.ts';

let house: House;
/** Why projectors ended that nobody told to. */
const fallen: unknown[] = [];
beforeAll(async () => {
  house = await openHouse();
  await house.happen(10);
  for (const { ended } of [house.project(), house.project()]) {
    ended.catch((error: unknown) => fallen.push(error));
  }
  await house.settled();
});
afterAll(() => house.close());

type Step =
  | Readonly<{ do: 'happen'; events: number; thing: number; gone: boolean }>
  | Readonly<{ do: 'rebuild'; diesAt?: FailpointName; nth: number }>
  | Readonly<{ do: 'go back' }>;

const places = [
  'rebuild.made',
  'fold.writing',
  'fold.written',
  'readModel.showing',
  'readModel.shown',
  'rebuild.dropping',
] as const;

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('happen' as const),
    events: fc.integer({ min: 1, max: 30 }),
    thing: fc.integer({ min: 0, max: 12 }),
    gone: fc.boolean(),
  }),
  fc.record(
    {
      do: fc.constant('rebuild' as const),
      diesAt: fc.constantFrom(...places),
      nth: fc.integer({ min: 1, max: 2 }),
    },
    { requiredKeys: ['do', 'nth'] },
  ),
  fc.constant({ do: 'go back' as const }),
);

async function take(one: Step): Promise<void> {
  if (one.do === 'happen') {
    await house.happen(one.events);
    await house.happen(1, { thing: `thing-${String(one.thing)}`, gone: one.gone });
    return;
  }
  if (one.do === 'go back') {
    await house.rollBack().catch((error: unknown) => {
      expect(String(error)).toContain('nothing to go back to');
    });
    return;
  }
  const { diesAt, nth } = one;
  const disarm =
    diesAt === undefined
      ? undefined
      : onFailpoint(diesAt, {
          nth,
          does: () => {
            throw new Error('died');
          },
        });
  await house.rebuild().catch((error: unknown) => {
    expect(String(error)).toContain('died');
  });
  disarm?.();
}

/** Readers that look without pause: totals only grow, since the tables are whole at any moment. */
function watch(): () => Promise<void> {
  const over = new AbortController();
  const wrong: string[] = [];
  const looking = (async () => {
    let seen = 0;
    while (!over.signal.aborted) {
      const { rows } = await house.opened.database.pool.query<{ seen: number }>(
        `select coalesce(sum(times), 0)::integer as seen from read.test_things where thing = 'counted'`,
      );
      const now = rows[0]?.seen ?? 0;
      if (now < seen) wrong.push(`${String(now)} after ${String(seen)}`);
      seen = now;
    }
  })();
  return async () => {
    over.abort();
    await looking;
    expect(wrong).toEqual([]);
  };
}

test('whatever happens, is rebuilt, dies and goes back: no reader sees less than before, and in the end the rows are those of the log', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 8 }), async (steps) => {
      const unwatch = watch();
      try {
        for (const one of steps) {
          await house.happen(1, { thing: 'counted', tenantId: 'a' });
          await take(one);
        }
        await eventually(async () => expect(await house.shown()).toEqual(await house.folded(things())), {
          withinMs: 60_000,
        });
        expect(fallen).toEqual([]);
      } finally {
        await unwatch();
      }
    }),
    // One house for all: a shorter way to what is wrong with it would begin where this one ended.
    { numRuns: 8, endOnFailure: true },
  );
}, 300_000);
