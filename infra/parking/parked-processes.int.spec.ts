import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { memoryWakeups } from '../database/wakeups.ts';
import { waitingOf } from '../lineage/waiting.ts';
import { parkTimer } from '../runtime/process-store.ts';
import { memoryTopics } from '../topics/memory-topics.ts';
import { listParked, mostCounted, type Parked } from './parked.ts';
import { parkingLot, type ParkingLot } from './parked-acts.ts';

let opened: Awaited<ReturnType<typeof freshDatabase>>;
let lot: ParkingLot;
const topics = memoryTopics();
beforeEach(async () => {
  opened = await freshDatabase();
  lot = parkingLot({ database: opened.database, topics, wakeups: memoryWakeups() });
});
afterEach(() => opened.drop());

describe('effects and timers of a process', () => {
  const process = `'p', 'a', 'i'`;
  const timerName = { tenantId: 'a', instanceId: 'i', timer: 'tea' };
  const metadata = {
    tenantId: 'a',
    actor: { kind: 'system', id: 'p' },
    commandId: 'c',
    correlationId: 'c',
  } as const;

  test('are listed, retried and skipped', async () => {
    const { pool } = opened.database;
    const list = () => listParked(pool, {}, { limit: 10 });
    await pool.query(
      `insert into runtime.process_instances (process, tenant_id, instance_id, state) values (${process}, '{}');
       insert into runtime.effects (id, process, tenant_id, instance_id, effect, metadata, status, attempts, reason, closed_at)
       values (gen_random_uuid(), ${process}, '{"kind":"call","effect":"sendMail"}', '{"causationId":"input"}', 'dead', 12,
         'outside-failed: Gone.', now());
       insert into runtime.effects (id, process, tenant_id, instance_id, effect, metadata, due_at)
       values (gen_random_uuid(), ${process}, '{"kind":"send","call":{"command":"Go","input":{}}}', '{}', runtime.behind_parked());
       insert into runtime.timers (process, tenant_id, instance_id, timer, due_at, fire_at, input_id, metadata, attempts,
         reason, first_failed_at, failed_at)
       values (${process}, 'tea', now(), runtime.behind_parked(), 'the-input', '{"correlationId":"c"}', 1, 'handler-throws: No.', now(), now())`,
    );
    const found = await list();
    expect(found).toMatchObject([
      {
        kind: 'effect',
        about: 'call sendMail',
        key: 'i',
        eventId: 'input',
        reason: 'outside-failed',
        waiting: 1,
      },
      { kind: 'timer', parkedId: 'timer-the-input', about: 'tea', key: 'i', waiting: 0 },
    ]);
    const [effect, timer] = found as [Parked, Parked];
    expect(await lot.retry({ ...effect, failedAt: '2001-01-01T00:00:00.000Z' })).toBe(false);
    expect(await lot.retry(effect)).toBe(true);
    const { rows } = await pool.query(
      'select status, due_at <= now() as due from runtime.effects order by seq',
    );
    expect(rows).toEqual([
      { status: 'pending', due: true },
      { status: 'pending', due: true },
    ]);
    const { parkedId, attempts, failedAt, firstFailedAt } = effect;
    const retried = { parkedId, firstFailedAt, reason: 'outside-failed', waiting: 1 };
    expect(await list()).toMatchObject([{ ...retried, status: 'retrying', attempts, failedAt }, timer]);
    expect(await lot.retry(effect)).toBe(false);
    await pool.query(
      `update runtime.effects set status = 'dead', attempts = 3, closed_at = now() where id = $1`,
      [(await pool.query<{ id: string }>('select id from runtime.effects order by seq')).rows[0]?.id],
    );
    expect(await list()).toMatchObject([{ ...retried, status: 'parked', attempts: attempts + 3 }, timer]);
    const about = { processes: ['p'], tenantId: 'a', correlationIds: ['c'], most: 9 };
    expect(await waitingOf(opened.database, about)).toMatchObject([{ name: 'tea', state: 'dead' }]);
    expect(await lot.retry(timer)).toBe(true);
    expect((await list())[1]).toEqual({ ...timer, status: 'retrying' });
    expect(await waitingOf(opened.database, about)).toMatchObject([{ name: 'tea', state: 'waiting' }]);
    await parkTimer(
      pool,
      'p',
      { ...timerName, inputId: 'the-input', dueAt: '', metadata },
      'handler-throws: No.',
    );
    const [, again] = (await list()) as [Parked, Parked];
    expect(again).toMatchObject({ status: 'parked', attempts: 2, firstFailedAt: timer.firstFailedAt });
    expect(await lot.skip(again)).toBe(true);
    expect((await pool.query('select from runtime.timers')).rows).toEqual([]);
    await pool.query('delete from runtime.effects');
    expect(await list()).toEqual([]);
  });

  test('of what waits behind an effect no more is counted than tells that it is a lot', async () => {
    const { pool } = opened.database;
    await pool.query(
      `insert into runtime.effects (id, process, tenant_id, instance_id, effect, metadata, status, attempts, reason,
         closed_at, due_at)
       select gen_random_uuid(), ${process}, '{"kind":"call","effect":"sendMail"}', '{}',
         case when n = 0 then 'dead' else 'pending' end, 0, 'outside-failed: Gone.',
         case when n = 0 then now() end, runtime.behind_parked()
       from generate_series(0, 3000) n`,
    );
    expect(await listParked(pool, {}, { limit: 10 })).toMatchObject([{ waiting: mostCounted + 1 }]);
  });
});
