/**
 * The third process of p10: told `start`, it rebuilds a read model over and over until it is told `stop`, and then says
 * how often it switched. Arguments: the database's URL, and the part of the time that it works.
 */
import { constants, setPriority } from 'node:os';
import { openDatabase } from '@daybook/infra/database/database.ts';
import { postgresWakeups } from '@daybook/infra/database/wakeups.ts';
import { contractStore } from '@daybook/infra/event-store/contract-store.ts';
import { postgresEventStore } from '@daybook/infra/event-store/postgres.ts';
import { rebuild } from '@daybook/infra/runtime/rebuild/rebuild.ts';
import { postgresTopics } from '@daybook/infra/topics/postgres-topics.ts';
import { memoryVault } from '@daybook/infra/vault/memory.ts';
import { isDaybookError } from '@daybook/kernel/errors.ts';
import { prices } from '@daybook/projectors/market/prices.ts';
import { eventsTopic } from '@daybook/schemas/contracts.ts';
import { silentLog } from '../support/silent-log.ts';

// As the command does.
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
const log = silentLog;
const database = openDatabase({ url: String(process.argv[2]), log });
const wakeups = postgresWakeups(database, log);
const eventStore = contractStore(postgresEventStore({ database, wakeups, log }), memoryVault());
const topics = postgresTopics({ database, wakeups, log });

/** Rebuilds until the signal; answers with how often the view was switched, and with the rows that differed. */
async function rebuildOver(
  signal: AbortSignal,
): Promise<{ switches: number; events: number; different: number }> {
  let [switches, events, different] = [0, 0, 0];
  while (!signal.aborted) {
    try {
      const report = await rebuild({
        projection: prices,
        database,
        eventStore,
        topics,
        wakeups,
        topic: eventsTopic,
        fingerprint: 'p10',
        owner: 'p10',
        share: Number(process.argv[3]),
        log,
        signal,
      });
      switches += 1;
      events += report.events;
      different += report.difference.added + report.difference.removed + report.difference.changed;
    } catch (error) {
      if (!isDaybookError(error, 'aborted')) throw error;
    }
  }
  return { switches, events, different };
}

let stopping = new AbortController();
let running: Promise<unknown> = Promise.resolve();
process.on('message', (word: string) => {
  if (word === 'start') {
    stopping = new AbortController();
    running = rebuildOver(stopping.signal).then((outcome) => process.send?.(outcome));
    return;
  }
  stopping.abort();
  if (word === 'end') void close();
});
process.send?.('ready');

async function close(): Promise<void> {
  await running;
  await topics.close();
  await eventStore.close();
  await wakeups.close();
  await database.close();
  process.disconnect();
}
