/** The query service over HTTP, with its products projected from the log beforehand. */
import { join } from 'node:path';
import { loadConfig } from '@daybook/infra/config/load.ts';
import { daybookSettings } from '@daybook/infra/config/settings.ts';
import { makeApp } from '@daybook/infra/http/app.ts';
import { startServer } from '@daybook/infra/http/server.ts';
import { openPlatform } from '@daybook/infra/open-platform.ts';
import { ensureCheckpoints, projectionConsumer } from '@daybook/infra/runtime/checkpoints.ts';
import { projectFromStore } from '@daybook/infra/runtime/project-from-store.ts';
import { ensureReadModel, showReadModel } from '@daybook/infra/runtime/read-models.ts';
import { partitionsOfTenants } from '@daybook/infra/runtime/tenant-partitions.ts';
import { allProjections } from '@daybook/projectors/capabilities.ts';
import { queryService } from '@daybook/query-service/main.ts';
import { beginning } from '@daybook/kernel/event.ts';
import { eventsTopic, topicContracts } from '@daybook/schemas/contracts.ts';
import { silentLog } from '../../support/silent-log.ts';
import { bearer, trackProducts } from './products.ts';
import { serving } from './served.ts';

const [databaseUrl = '', folder = '', products = '0'] = (process.argv[2] ?? '').split(' ');
const log = silentLog;
// Limits are on and too wide to be met: counting is part of the path.
const config = loadConfig(daybookSettings, {
  DAYBOOK_DATA: join(folder, 'data'),
  RATE_LIMIT_PER_MINUTE: '1000000000',
});
const stopping = new AbortController();
const { signal } = stopping;
const platform = await openPlatform({ config, databaseUrl, log, name: 'bench' });
const { eventStore, database, topics, tokens } = platform;
await trackProducts(eventStore, Number(products));
const partitions = topicContracts.find(({ name }) => name === eventsTopic)?.partitions ?? 1;
for (const projection of allProjections) {
  await ensureReadModel(database, projection);
  await ensureCheckpoints(database.pool, projectionConsumer(projection), partitions, beginning);
  const partitionOf = partitionsOfTenants(topics, eventsTopic);
  await projectFromStore({ projection, eventStore, database, partitionOf, signal });
  await showReadModel(database, projection);
}
const commandSender = { send: () => Promise.reject(new TypeError('Queries send no commands.')) };
const models = { projections: allProjections, processes: [] };
const service = await queryService.start(platform, { commandSender, stopping: signal, models }, config);
const server = await startServer({
  port: 0,
  listener: makeApp({
    log,
    routers: service.routers ?? [],
    fragments: service.openapi === undefined ? [] : [service.openapi],
    ready: () => service.ready(),
    stopping: signal,
    info: { title: 'Bench', version: '0' },
  }),
});
const { token } = await tokens.issue(bearer, { ttlMs: 3_600_000 });
serving({ url: server.url, token }, async () => {
  stopping.abort();
  await server.stop(1_000);
  await service.stop();
  await platform.close();
});
