import { randomUUID } from 'node:crypto';
import { openDatabase, type Database } from '@daybook/infra/database/database.ts';
import { postgresWakeups } from '@daybook/infra/database/wakeups.ts';
import { ensureCheckpoints, processConsumer } from '@daybook/infra/runtime/checkpoints.ts';
import { makeProcessRunner } from '@daybook/infra/runtime/process-runner.ts';
import { runTimers } from '@daybook/infra/runtime/timers.ts';
import { beginning, type RecordedEvent } from '@daybook/kernel/event.ts';
import { defineProcess, type Effect } from '@daybook/kernel/process.ts';
import { recorded } from '@daybook/kernel/specification.ts';
import { jsonCodec } from '../support/json-codec.ts';
import { freshDatabase } from '../support/postgres.ts';
import { silentLog } from '../support/silent-log.ts';
import type { MakeSubject } from './contract.ts';
import { brokenTimer, type Fired, type TimerLoop, type TimersSubject, type Told } from './timers.subject.ts';

type AlarmTold = { type: 'AlarmTold'; data: { alarm: string; effects: readonly Effect[] } };

const alarms = defineProcess<RecordedEvent<AlarmTold>, null>({
  name: 'testAlarms',
  handles: ['AlarmTold'],
  route: ({ data }) => ({ to: 'startOrContinue', id: data.alarm }),
  initialState: () => null,
  evolve: () => null,
  react: (input) => {
    if (input.type !== 'TimerDue') return input.data.effects;
    if (input.data.timer === brokenTimer) throw new Error('a bug');
    const { id: inputId, recordedAt: firedAt } = input;
    return [{ kind: 'send', call: { command: 'Ring', input: { ...input.data, inputId, firedAt } } }];
  },
});

/** By these the loops' connections are told from others. */
export const loopName = 'timer loop';

const firedTimers = `
  select tenant_id as "tenantId", instance_id as alarm, effect->'call'->'input' as input,
    metadata->>'correlationId' as "correlationId"
  from runtime.effects order by seq`;

/** Timers in PostgreSQL. @param bend changes the database first: as it is, or broken in one way */
export function postgresTimers(
  bend: (database: Database) => Promise<unknown> = () => Promise.resolve(),
  patienceMs = 20_000,
): MakeSubject<TimersSubject> {
  return async () => {
    const { database, url, drop } = await freshDatabase();
    await ensureCheckpoints(database.pool, processConsumer(alarms), 1, beginning);
    await bend(database);
    const wakeups = postgresWakeups(database, silentLog);
    const runner = makeProcessRunner({
      process: alarms,
      codec: jsonCodec,
      database,
      wakeups,
      log: silentLog,
    });
    const loops: TimerLoop[] = [];
    let position = 0;
    const query = async <R extends object>(text: string, values: readonly unknown[] = []): Promise<R[]> =>
      (await database.pool.query<R>(text, [...values])).rows;

    const loop = (): TimerLoop => {
      const own = openDatabase({ url, poolSize: 2, applicationName: loopName, log: silentLog });
      const stopping = new AbortController();
      const running = runTimers({
        processes: [alarms],
        database: own,
        wakeups,
        log: silentLog,
        signal: stopping.signal,
        maxBatch: 7,
        pollMs: 100,
      });
      const stop = once(async () => {
        stopping.abort();
        await running;
        await own.close();
      });
      loops.push({ stop });
      return { stop };
    };

    return {
      port: {
        tell: async (...told) => {
          const events = recorded(told.map(toldEvent)).map((event) => {
            position += 1;
            return { ...event, position: String(position).padStart(20, '0') as typeof event.position };
          });
          await runner.takeStored(0, events);
        },
        clock: async (movedByMs = 0) => {
          const [row] = await query<{ now: string }>('select clock_timestamp() as now');
          return new Date(Date.parse(row?.now ?? '') + movedByMs).toISOString();
        },
        loop,
        cut: async () => {
          await query(
            `select pg_terminate_backend(pid) from pg_stat_activity
              where application_name = $1 and datname = current_database()`,
            [loopName],
          );
        },
        fired: async () =>
          (await query<Omit<Fired, 'input'> & { input: object }>(firedTimers)).map(({ input, ...row }) => ({
            ...row,
            ...input,
          })),
        waiting: async () =>
          (await query<{ due: string }>('select due_at as due from runtime.timers order by 1')).map(
            ({ due }) => due,
          ),
        patienceMs,
      },
      close: async () => {
        await Promise.all(loops.map(({ stop }) => stop()));
        await wakeups.close();
        await drop();
      },
    };
  };
}

function toldEvent({ alarm, effects, tenantId = 'a', correlationId = 'correlation' }: Told) {
  return {
    type: 'AlarmTold',
    id: randomUUID(),
    data: { alarm, effects },
    metadata: { tenantId, correlationId },
  };
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= work());
}
