import { memoryWakeups } from '@daybook/infra/database/wakeups.ts';
import { ensureCheckpoints, projectionConsumer } from '@daybook/infra/runtime/checkpoints.ts';
import { makeProjector, type Projector } from '@daybook/infra/runtime/projector.ts';
import { openQueryDatabase, type QueryDatabase } from '@daybook/infra/runtime/query-database.ts';
import { ensureReadModel, showReadModel } from '@daybook/infra/runtime/read-models.ts';
import type { Wakeups } from '@daybook/infra/database/wakeups.ts';
import { beginning, type RecordedEvent } from '@daybook/kernel/event.ts';
import type { AnyProjection } from '@daybook/kernel/projection.ts';
import { inPartition, jsonCodec } from './json-codec.ts';
import { freshDatabase } from './postgres.ts';
import { silentLog } from './silent-log.ts';

/** Read models of some projections in a database of their own. */
export type ReadModels = Readonly<{
  queries: QueryDatabase;
  /** Signals `checkpoint:<projection>` after each batch. */
  wakeups: Wakeups;
  /** Hands events to every projection, through the projector, in batches of `batchSize` (default: all in one). */
  project: (events: readonly RecordedEvent[], batchSize?: number) => Promise<void>;
  close: () => Promise<void>;
}>;

export async function openReadModels(projections: readonly AnyProjection[]): Promise<ReadModels> {
  const { database, url, drop } = await freshDatabase();
  const wakeups = memoryWakeups();
  const projectors: Projector[] = [];
  for (const projection of projections) {
    await ensureReadModel(database, projection);
    await ensureCheckpoints(database.pool, projectionConsumer(projection), 1, beginning);
    await showReadModel(database, projection);
    projectors.push(makeProjector({ projection, codec: jsonCodec, database, wakeups, log: silentLog }));
  }
  const queries = openQueryDatabase({ url, log: silentLog, poolSize: 2 });
  return {
    queries,
    wakeups,
    project: async (events, batchSize = Math.max(events.length, 1)) => {
      for (let at = 0; at < events.length; at += batchSize) {
        const messages = events
          .slice(at, at + batchSize)
          .map((event, index) => inPartition(jsonCodec.encode(event), 0, at + index));
        for (const { handle } of projectors) {
          const verdict = await handle({ topic: 'events', partition: 0, messages });
          if (verdict.do !== 'done') throw new Error(`The projector says ${JSON.stringify(verdict)}.`);
        }
      }
    },
    close: async () => {
      await queries.close();
      await wakeups.close();
      await drop();
    },
  };
}
