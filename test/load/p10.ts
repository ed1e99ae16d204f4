import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import type { Bar } from './bar.ts';
import { plainPool } from './bench-database.ts';
import { percentile, type Sample } from './measure.ts';
import { openVisibleChain, type VisibleChain } from './visible-chain.ts';

const rate = 1_000;
const history = 100_000;
/** As `daybook rebuild` does it unless told otherwise. */
const share = 0.5;

export const bar: Bar = {
  name: 'p10',
  title: `From the acknowledged append to the read model at ${String(rate)} events/s, while the read model is rebuilt from ${String(history)} events and more and switched, over and over.`,
  prepare: async (bench) => {
    const chain = await openVisibleChain(bench, 'none', { rate, history });
    const rebuilder = fork(join(import.meta.dirname, 'p10-rebuild.ts'), [chain.databaseUrl, String(share)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    await once(rebuilder, 'message');
    const pool = plainPool(chain.databaseUrl, 2);
    return {
      contests: [
        {
          subject: {
            name: `99th percentile while it is rebuilt`,
            unit: 'ms',
            run: () => watched(pool, () => whileRebuilding(rebuilder, pool, chain, bench.print)),
          },
          anchor: {
            name: '99th percentile while it is not',
            unit: 'ms',
            run: () => watched(pool, () => chain.run()),
          },
          gate: 3,
          goal: 1.5,
          better: 'lower',
        },
      ],
      close: async () => {
        const exit = once(rebuilder, 'exit');
        rebuilder.send('end');
        await exit;
        await pool.end();
        await chain.close();
      },
    };
  },
};

type Outcome = Readonly<{ switches: number; events: number; different: number }>;

/** Runs of the load at most, until there was a switch. */
const mostRuns = 12;

async function whileRebuilding(
  rebuilder: ChildProcess,
  pool: pg.Pool,
  chain: VisibleChain,
  print: (line: string) => void,
): Promise<Sample> {
  const shown = async (): Promise<unknown> =>
    (await pool.query<{ build: unknown }>(`select build from runtime.read_models`)).rows[0]?.build;
  const before = await shown();
  const hasSwitched = async (): Promise<boolean> => (await shown()) !== before;
  rebuilder.send('start');
  const samples = [await chain.run()];
  while (!(await hasSwitched()) && samples.length < mostRuns) samples.push(await chain.run());
  const answer = once(rebuilder, 'message') as Promise<[Outcome]>;
  rebuilder.send('stop');
  const [{ switches, events, different }] = await answer;
  if (switches === 0) throw new Error('The rebuild did not come to a switch.');
  if (different > 0) throw new Error(`${String(different)} rows were rebuilt otherwise.`);
  print(`  rebuilt and switched ${String(switches)} times, ${String(events)} events folded`);
  const latenciesMs = samples.flatMap((sample) => sample.latenciesMs ?? []);
  return { figure: percentile(latenciesMs, 99), latenciesMs };
}

const lookEveryMs = 50;

/** Looks at the read model meanwhile: it is whole at any moment, so that its rows never become fewer. */
async function watched(pool: pg.Pool, work: () => Promise<Sample>): Promise<Sample> {
  const over = new AbortController();
  const looking = (async () => {
    let seen = 0;
    while (!over.signal.aborted) {
      const { rows } = await pool.query<{ count: string }>(
        `select count(*) as count from read.prices where tenant_id = (select min(tenant_id) from read.prices)`,
      );
      const now = Number(rows[0]?.count);
      if (now < seen) throw new Error(`A reader saw ${String(now)} rows after ${String(seen)}.`);
      seen = now;
      await pause(lookEveryMs);
    }
  })();
  looking.catch(() => undefined);
  try {
    return await work();
  } finally {
    over.abort();
    await looking;
  }
}
