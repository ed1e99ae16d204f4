/**
 * The other process of p11 and p12: keeps a read model up to date until it is told to stop. Arguments: the database's URL,
 * and which wake-ups are lost.
 */
import { openDatabase } from '@daybook/infra/database/database.ts';
import { contractStore } from '@daybook/infra/event-store/contract-store.ts';
import { postgresEventStore } from '@daybook/infra/event-store/postgres.ts';
import { makeMessageCodec } from '@daybook/infra/registry/codec.ts';
import { postgresSchemaRegistry } from '@daybook/infra/registry/postgres.ts';
import { runProjector } from '@daybook/infra/runtime/run-projector.ts';
import { postgresTopics } from '@daybook/infra/topics/postgres-topics.ts';
import { memoryVault } from '@daybook/infra/vault/memory.ts';
import { prices } from '@daybook/projectors/market/prices.ts';
import { silentLog } from '../support/silent-log.ts';
import { lossyWakeups, type Lost } from './visible-chain.ts';

const log = silentLog;
const database = openDatabase({ url: String(process.argv[2]), log });
const wakeups = lossyWakeups(database, (process.argv[3] ?? 'none') as Lost);
const eventStore = contractStore(postgresEventStore({ database, wakeups, log }), memoryVault());
const topics = postgresTopics({ database, wakeups, log });
const stopping = new AbortController();
process.once('message', () => {
  stopping.abort();
});
await runProjector({
  projection: prices,
  topics,
  eventStore,
  codec: makeMessageCodec({ registry: postgresSchemaRegistry(database) }),
  database,
  wakeups,
  log,
  signal: stopping.signal,
  onReady: () => process.send?.('ready'),
});
await topics.close();
await eventStore.close();
await wakeups.close();
await database.close();
process.disconnect();
