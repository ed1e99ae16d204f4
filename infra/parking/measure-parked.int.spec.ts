import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '@daybook/test/support/eventually.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { metricNames, metricsRegistry } from '../telemetry/metrics.ts';
import { measureParked } from './measure-parked.ts';

let opened: Awaited<ReturnType<typeof freshDatabase>>;
beforeAll(async () => {
  opened = await freshDatabase();
});
afterAll(() => opened.drop());

const hostNow = Date.now;
afterEach(() => {
  Date.now = hostNow;
});

async function figures(name: string): Promise<readonly (readonly [unknown, number])[]> {
  const metric = await metricsRegistry.getSingleMetric(name)?.get();
  return metric?.values.map(({ labels, value }) => [labels, value] as const) ?? [];
}

test.each([
  ['right', 0],
  ['an hour behind', -3_600_000],
  ['an hour ahead', 3_600_000],
])(
  'what is parked is shown with its age by a host whose clock is %s, and no longer once it is gone',
  async (_, offMs) => {
    Date.now = () => hostNow() + offMs;
    const { pool } = opened.database;
    await pool.query(
      `insert into runtime.effects (id, process, tenant_id, instance_id, effect, metadata, status, attempts, reason,
       created_at, closed_at, due_at)
     values (gen_random_uuid(), 'checks', 't', 'i', '{"kind":"call","effect":"look","input":{}}',
       '{"commandId":"c","correlationId":"r"}', 'dead', 12, 'timeout: slow', now() - interval '1 hour', now() - interval '1 hour',
       now() - interval '1 hour')`,
    );
    const stopping = new AbortController();
    const { signal } = stopping;
    const running = measureParked({ database: opened.database, log: silentLog, signal, everyMs: 10 });
    const labels = { consumer: expect.stringContaining('checks'), kind: 'effect' };
    await eventually(async () => expect(await figures(metricNames.parkedNow)).toEqual([[labels, 1]]));
    const [[, seconds] = []] = await figures(metricNames.parkedSeconds);
    expect(seconds).toBeGreaterThanOrEqual(3_600);
    expect(seconds).toBeLessThan(3_660);
    await pool.query('delete from runtime.effects');
    await eventually(async () => expect(await figures(metricNames.parkedNow)).toEqual([]));
    stopping.abort();
    await running;
  },
);
