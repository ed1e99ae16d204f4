import { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { eventually } from '@daybook/test/support/eventually.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { startProxy } from '@daybook/test/support/proxy.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { memoryWakeups, postgresWakeups, type Wakeups } from './wakeups.ts';

const long = 60_000;
let fresh: Awaited<ReturnType<typeof freshDatabase>>;
beforeAll(async () => {
  fresh = await freshDatabase();
});
afterAll(() => fresh.drop());

describe.each([
  ['memory', (): Wakeups => memoryWakeups()],
  ['postgres', (): Wakeups => postgresWakeups(fresh.database, silentLog)],
])('wake-ups in one process (%s)', (_, make) => {
  test('keep a signal for who asks later, wake who waits, and end on abort, time-out and close', async () => {
    const wakeups = make();
    const wakeup = wakeups.subscribe('log');
    wakeups.notify('log');
    wakeups.notify('log');
    await wakeup.next(long);
    const waiting = wakeup.next(long);
    wakeups.notify('other');
    wakeups.notify('log');
    await waiting;
    await wakeup.next(1);
    const abort = new AbortController();
    const aborted = wakeup.next(long, abort.signal);
    abort.abort();
    await aborted;
    const closed = wakeup.next(long);
    wakeup.close();
    await closed;
    await wakeups.close();
    await wakeups.close();
  });
});

test('wake-ups reach other processes, also after the connection was cut', async () => {
  const [a, b] = [postgresWakeups(fresh.database, silentLog), postgresWakeups(fresh.database, silentLog)];
  const heard = async (): Promise<void> => {
    let woken = false;
    const wakeup = b.subscribe('topic:x');
    const next = wakeup.next(long).then(() => (woken = true));
    await eventually(() => {
      a.notify('topic:x');
      expect(woken).toBe(true);
    });
    await next;
    wakeup.close();
  };
  await heard();
  await fresh.database.pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'daybook wakeups' and datname = current_database()`,
  );
  await heard();
  await Promise.all([a.close(), b.close()]);
});

test('a silent connection is asked for a sign of life after half a minute', async () => {
  const asked = jest.spyOn(Socket.prototype, 'setKeepAlive');
  const { database, drop } = await freshDatabase();
  await database.pool.query('select 1');
  await database.knex.raw('select 1');
  const wakeups = postgresWakeups(database, silentLog);
  await eventually(() => {
    expect(asked.mock.calls).toEqual([1, 2, 3].map(() => [true, 30_000]));
  });
  asked.mockRestore();
  await wakeups.close();
  await drop();
});

test('a server that answers nothing any more does not keep wake-ups from closing', async () => {
  const proxy = await startProxy(fresh.database.url);
  const wakeups = postgresWakeups({ ...fresh.database, url: proxy.url }, silentLog);
  const other = postgresWakeups(fresh.database, silentLog);
  const wakeup = wakeups.subscribe('topic:y');
  let woken = false;
  const next = wakeup.next(long).then(() => (woken = true));
  await eventually(() => {
    other.notify('topic:y');
    expect(woken).toBe(true);
  });
  await next;
  proxy.turn('silent');
  wakeups.notify('topic:y');
  await wakeups.close();
  await other.close();
  await proxy.close();
});
