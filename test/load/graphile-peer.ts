import type pg from 'pg';
import { eventually } from '../support/eventually.ts';
import type { Bench } from './bar.ts';
import { countRows, plainPool } from './bench-database.ts';
import { timed, type Sample } from './measure.ts';

type Runner = Readonly<{ stop(): Promise<void> }>;
type WorkerOptions = Readonly<{
  concurrentJobs: number;
  maxPoolSize: number;
  localQueue?: Readonly<{ size: number }>;
  completeJobBatchDelay?: number;
  failJobBatchDelay?: number;
}>;

/** As much of `graphile-worker` as the benches use. */
type GraphilePackage = Readonly<{
  Logger: new (factory: () => () => void) => object;
  run(options: {
    pgPool: pg.Pool;
    noHandleSignals: boolean;
    logger: object;
    taskList: Readonly<Record<string, (payload: unknown) => void>>;
    preset: { worker: WorkerOptions };
  }): Promise<Runner>;
  makeWorkerUtils(options: { connectionString: string; logger: object }): Promise<{
    migrate(): Promise<void>;
    addJobs(jobs: readonly { identifier: string; payload: object }[]): Promise<unknown>;
    release(): Promise<void>;
  }>;
}>;

/** As https://worker.graphile.org/docs/performance has it for its own figures. */
const pool = { concurrentJobs: 24, maxPoolSize: 25 };
const modes: Readonly<Record<'single' | 'batching', WorkerOptions>> = {
  single: pool,
  batching: { ...pool, localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 },
};

const jobsPerCall = 1_000;

/** graphile-worker on a database of its own. */
export async function openGraphile(
  bench: Bench,
): Promise<{ work(mode: keyof typeof modes, jobs: number): Promise<Sample>; close(): Promise<void> }> {
  // Its own switch for benches: no line for each job.
  process.env['NO_LOG_SUCCESS'] = '1';
  const { Logger, makeWorkerUtils, run } = await bench.peer<GraphilePackage>('graphile-worker');
  const logger = new Logger(() => () => undefined);
  const connectionString = await bench.emptyDatabase();
  const counter = plainPool(connectionString, 1);
  const pgPool = plainPool(connectionString, pool.maxPoolSize);
  const utils = await makeWorkerUtils({ connectionString, logger });
  await utils.migrate();
  return {
    work: async (mode, jobs) => {
      for (let n = 0; n < jobs; n += jobsPerCall) {
        await utils.addJobs(
          Array.from({ length: jobsPerCall }, (_, k) => ({ identifier: 'nothing', payload: { n: n + k } })),
        );
      }
      await counter.query('vacuum (analyze)');
      const seen = new Set<number>();
      const all = Promise.withResolvers<number>();
      let runner: Runner | undefined;
      const sample = await timed(jobs, async () => {
        runner = await run({
          pgPool,
          noHandleSignals: true,
          logger,
          taskList: {
            nothing: (payload) => {
              seen.add((payload as { n: number }).n);
              if (seen.size === jobs) all.resolve(jobs);
            },
          },
          preset: { worker: modes[mode] },
        });
        return all.promise;
      });
      await eventually(async () => {
        const left = await countRows(counter, 'graphile_worker._private_jobs');
        if (left > 0) throw new Error(`graphile-worker left ${String(left)} jobs.`);
      });
      await runner?.stop();
      return sample;
    },
    close: async () => {
      await utils.release();
      await pgPool.end();
      await counter.end();
    },
  };
}
