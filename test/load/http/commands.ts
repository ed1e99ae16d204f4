/**
 * The commands of market over HTTP as the command service composes them, the relay aside: it has bars of its own. The
 * tenant tracks as many products as its first argument says.
 */
import { resolve } from 'node:path';
import { allCommands } from '@daybook/command-service/capabilities.ts';
import { systemClock } from '@daybook/infra/ambient.ts';
import { loadConfig } from '@daybook/infra/config/load.ts';
import { makeApp } from '@daybook/infra/http/app.ts';
import { commandRoutes } from '@daybook/infra/http/command-routes.ts';
import { openApiFragment } from '@daybook/infra/http/openapi.ts';
import { startServer } from '@daybook/infra/http/server.ts';
import { openSharedGate } from '@daybook/infra/http/shared-gate.ts';
import { openPlatform, platformSettings } from '@daybook/infra/open-platform.ts';
import { makeCommandBus } from '@daybook/infra/runtime/command-bus.ts';
import { openStates } from '@daybook/infra/runtime/open-states.ts';
import { currentVersion } from '@daybook/schemas/contracts.ts';
import { silentLog } from '../../support/silent-log.ts';
import { bearer, trackProducts } from './products.ts';
import { serving } from './served.ts';

const [databaseUrl = '', dataFolder = '', products = '0'] = (process.argv[2] ?? '').split(' ');
const log = silentLog;
const config = loadConfig(platformSettings, { DAYBOOK_DATA: dataFolder });
const platform = await openPlatform({ config, databaseUrl, log, name: 'bench' });
const { eventStore, vault, tokens } = platform;
const commands = allCommands({
  eventStore,
  vault,
  tokens,
  signupTokenTtlMs: 3_600_000,
  revealsMailedTokens: false,
  allowsPrivateHost: () => false,
  parked: { find: () => Promise.resolve(undefined) },
});
// Limits are on and too wide to be met: counting is part of the path.
const limits = { generalPerMinute: 1e9, authPerMinute: 1e9, mutationsPerSecond: 1e9 };
const gate = openSharedGate({ platform, limits });
const states = await openStates({
  platform,
  serviceFolder: resolve(import.meta.dirname, '../../../command-service'),
  cacheBytes: 64 * 1024 ** 2,
  snapshotEveryEvents: 500,
});
const bus = makeCommandBus({
  commands,
  eventStore,
  schemaVersion: currentVersion,
  clock: systemClock,
  log,
  states,
});
const server = await startServer({
  port: 0,
  listener: makeApp({
    log,
    routers: [commandRoutes({ ...gate, commands, bus, log })],
    fragments: [openApiFragment({ commands })],
    ready: () => Promise.resolve({ ready: true, parts: {} }),
    stopping: new AbortController().signal,
    info: { title: 'Bench', version: '0' },
  }),
});
await trackProducts(eventStore, Number(products));
const { token } = await tokens.issue(bearer, { ttlMs: 3_600_000 });
serving({ url: server.url, token }, async () => {
  await server.stop(1_000);
  await gate.close();
  await platform.close();
});
