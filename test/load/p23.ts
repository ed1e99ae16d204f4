import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { openDatabase } from '@daybook/infra/database/database.ts';
import { startEmbeddedPostgres } from '@daybook/infra/database/embedded.ts';
import { allProjections } from '@daybook/projectors/capabilities.ts';
import { allProcesses } from '@daybook/sagas/capabilities.ts';
import { callerOf, signUp } from '../support/caller.ts';
import { startDaybook } from '../support/processes.ts';
import { silentLog } from '../support/silent-log.ts';
import { readyLine } from '../support/system.ts';
import type { Bar } from './bar.ts';
import type { Sample } from './measure.ts';

const windowMs = 10_000;
/** Until what the sign-up led to is done and the pollers have slowed down. */
const settleMs = 20_000;
/** Every projection and process, the relay and the scrapers. */
const consumers = allProjections.length + allProcesses.length + 2;
/** https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: clock ticks a second, on every Linux of today. */
const ticksPerSecond = 100;

export const bar: Bar = {
  name: 'p23',
  title: `All services in one process at rest: CPU of the process, SQL of each of its ${String(consumers)} consumers.`,
  prepare: async (bench) => {
    const server = await startEmbeddedPostgres({
      folder: join(bench.folder, 'observed'),
      log: silentLog,
      settings: { shared_preload_libraries: 'pg_stat_statements' },
    });
    const database = openDatabase({ url: server.url, poolSize: 1, log: silentLog });
    await database.pool.query('create extension pg_stat_statements');
    const daybook = startDaybook(['up', '--port', '0'], {
      DATABASE_URL: server.url,
      DAYBOOK_DATA: join(bench.folder, 'data'),
    });
    const url = String((await daybook.said(readyLine.up))['url']);
    await signUp(callerOf({ commands: url, queries: url }));
    await pause(settleMs);

    async function cpuSeconds(): Promise<number> {
      const stat = await readFile(`/proc/${String(daybook.pid)}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
    }
    async function statements(): Promise<number> {
      const { rows } = await database.pool.query<{ calls: number }>(
        'select coalesce(sum(calls), 0)::int8 as calls from pg_stat_statements where toplevel',
      );
      return rows[0]?.calls ?? 0;
    }
    const during = async (counter: () => Promise<number>, unit: number): Promise<Sample> => {
      const [before, start] = [await counter(), performance.now()];
      await pause(windowMs);
      return { figure: (((await counter()) - before) / (performance.now() - start)) * 1_000 * unit };
    };
    return {
      contests: [
        {
          subject: { name: 'CPU of the process', unit: '% of a core', run: () => during(cpuSeconds, 100) },
          gate: 2,
          goal: 1,
          better: 'lower',
        },
        {
          subject: {
            name: 'SQL of a consumer',
            unit: 'statements/s',
            run: () => during(statements, 1 / consumers),
          },
          gate: 5,
          goal: 2,
          better: 'lower',
        },
      ],
      close: async () => {
        daybook.signal('SIGTERM');
        await daybook.ended;
        await database.close();
        await server.stop();
      },
    };
  },
};
