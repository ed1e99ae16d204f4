/** The other process of p11: keeps a read model up to date until it is told to stop. Argument: the database's URL. */
import { openDatabase } from '@daybook/infra/database/database.ts';
import { postgresWakeups } from '@daybook/infra/database/wakeups.ts';
import { contractStore } from '@daybook/infra/event-store/contract-store.ts';
import { postgresEventStore } from '@daybook/infra/event-store/postgres.ts';
import { makeMessageCodec } from '@daybook/infra/registry/codec.ts';
import { postgresSchemaRegistry } from '@daybook/infra/registry/postgres.ts';
import { runProjector } from '@daybook/infra/runtime/run-projector.ts';
import { postgresTopics } from '@daybook/infra/topics/postgres-topics.ts';
import { memoryVault } from '@daybook/infra/vault/memory.ts';
import { prices } from '@daybook/projectors/market/prices.ts';
import { silentLog } from '../support/silent-log.ts';

const log = silentLog;
const database = openDatabase({ url: String(process.argv[2]), log });
const wakeups = postgresWakeups(database, log);
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
