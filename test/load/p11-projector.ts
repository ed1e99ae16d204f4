/**
 * The other process of p11 and p12: keeps a read model up to date until it is told to stop. Arguments: the database's URL,
 * which wake-ups are lost, and where the topics are.
 */
import { openDatabase } from '@daybook/infra/database/database.ts';
import { contractStore } from '@daybook/infra/event-store/contract-store.ts';
import { postgresEventStore } from '@daybook/infra/event-store/postgres.ts';
import { makeMessageCodec } from '@daybook/infra/registry/codec.ts';
import { openRegistry } from '@daybook/infra/registry/open-registry.ts';
import { runProjector } from '@daybook/infra/runtime/run-projector.ts';
import { memoryVault } from '@daybook/infra/vault/memory.ts';
import { prices } from '@daybook/projectors/market/prices.ts';
import { silentLog } from '../support/silent-log.ts';
import { lossyWakeups, openChainTopics, type ChainEngines, type Lost } from './visible-chain.ts';

const log = silentLog;
const database = openDatabase({ url: String(process.argv[2]), log });
const wakeups = lossyWakeups(database, (process.argv[3] ?? 'none') as Lost);
const eventStore = contractStore(postgresEventStore({ database, wakeups, log }), memoryVault());
const engines = JSON.parse(process.argv[4] ?? '{}') as ChainEngines;
const { topics } = await openChainTopics(database, wakeups, engines);
const stopping = new AbortController();
process.once('message', () => {
  stopping.abort();
});
await runProjector({
  projection: prices,
  topics,
  eventStore,
  codec: makeMessageCodec({ registry: await openRegistry({ url: engines.registryUrl }, database) }),
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
