import { expect, test } from '@jest/globals';
import type { TenantDb } from '@daybook/infra/runtime/query-database.ts';
import { liveEvents } from './streams.ts';

test('a stream of a tenant at rest looks a few times a second, however much others do', async () => {
  let looks = 0;
  const query = {
    select: () => query,
    where: () => query,
    orderBy: () => query,
    limit: () => {
      looks += 1;
      return Promise.resolve([]);
    },
  };
  // Somebody commits at every moment.
  const wakeups = {
    notify: () => undefined,
    subscribe: () => ({ next: () => Promise.resolve(), close: () => undefined }),
    close: () => Promise.resolve(),
  };
  const readModels = { forTenant: () => ({ from: () => query }) as unknown as TenantDb };
  const stream = liveEvents(
    { readModels, wakeups },
    { type: undefined, after: '', tenantId: 'ours' },
    AbortSignal.timeout(600),
  );
  for await (const event of stream) throw new Error(`There is no event, and it gives ${String(event.id)}.`);
  expect(looks).toBeGreaterThan(0);
  expect(looks).toBeLessThanOrEqual(4);
});
