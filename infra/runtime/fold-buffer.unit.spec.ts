import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Row } from '@daybook/kernel/projection.ts';
import type { RowChanges } from './fold-batch.ts';
import { foldBuffer } from './fold-buffer.ts';
import { seenRows } from './seen-rows.ts';

const touched = (id: string) => ({ id, tenantId: 't', key: { id } });
const changed = (id: string, value: number) => ({ id, tenantId: 't', row: { id, value } });

/** A table that takes what is drained, a write later. */
function table() {
  const rows = new Map<string, Row>();
  let underWay: RowChanges = { upserts: [], deletes: [] };
  const loads: string[] = [];
  return {
    rows,
    loads,
    load: async (wanted: Iterable<{ id: string }>) => {
      const found = new Map<string, Row>();
      for (const { id } of wanted) {
        loads.push(id);
        const row = rows.get(id);
        if (row !== undefined) found.set(id, row);
      }
      return found;
    },
    write: (changes: RowChanges) => {
      for (const { id, row } of underWay.upserts) rows.set(id, row);
      for (const { id } of underWay.deletes) rows.delete(id);
      underWay = changes;
    },
  };
}

test('whatever is kept and forgotten, a row is as it was last taken in', async () => {
  const step = fc.record({
    id: fc.integer({ min: 0, max: 12 }).map(String),
    remove: fc.boolean(),
    write: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 80 }),
      fc.integer({ min: 0, max: 4 }),
      fc.boolean(),
      async (steps, mostKept, preset) => {
        const stored = table();
        if (preset) stored.rows.set('1', { id: '1', value: -1 });
        const truth = new Map(stored.rows);
        const buffer = foldBuffer(stored.load, { tableWasEmpty: !preset, mostKept });
        for (const [value, { id, remove, write }] of steps.entries()) {
          expect((await buffer.present([touched(id)])).get(id)).toEqual(truth.get(id));
          if (remove) {
            truth.delete(id);
            buffer.take({ upserts: [], deletes: [changed(id, 0)] });
          } else {
            truth.set(id, { id, value });
            buffer.take({ upserts: [changed(id, value)], deletes: [] });
          }
          if (write) stored.write(buffer.drain());
        }
        stored.write(buffer.drain());
        stored.write({ upserts: [], deletes: [] });
        expect(new Map([...stored.rows].sort())).toEqual(new Map([...truth].sort()));
      },
    ),
    { numRuns: 1_000 },
  );
});

test('a table that was empty is not asked for rows never seen', async () => {
  const stored = table();
  const buffer = foldBuffer(stored.load, { tableWasEmpty: true, mostKept: 0 });
  for (let index = 0; index < 100; index += 1) {
    await buffer.present([touched(`row ${String(index)}`)]);
    buffer.take({ upserts: [changed(`row ${String(index)}`, 1)], deletes: [] });
    stored.write(buffer.drain());
  }
  expect(stored.loads.length).toBeLessThan(3);
});

test('what was seen is never said to be unseen', () => {
  const seen = seenRows();
  const ids = Array.from({ length: 50_000 }, (_, index) => `tenant\u0000${String(index)}`);
  ids.forEach(seen.add);
  expect(ids.every(seen.has)).toBe(true);
  const wrong = ids.filter((id) => seen.has(`${id} other`)).length;
  expect(wrong / ids.length).toBeLessThan(0.01);
});
