import { join } from 'node:path';
import { daybookSettings } from '@daybook/infra/config/settings.ts';
import { keepEmbeddedPostgres } from '@daybook/infra/database/kept-postgres.ts';
import { settingsAlone, startAlone } from '../composition.ts';
import { holdServiceName, lockDataFolder } from '../data-folder.ts';
import { expectDatabase, invocation, openLog, type CommonOptions } from '../invocation.ts';
import type { Runnable } from '../program.ts';
import { exitCodes, type ExitCode } from '../sentences.ts';
import { services } from '../services.ts';
import { refuseConfiguration } from '../start-checks.ts';
import { stopSignals } from '../signals.ts';
import { untilReady } from '../until-ready.ts';

/** Ports when nobody says, so that all of them can run on one machine. */
const usualPorts = {
  'command-service': '4000',
  'query-service': '4001',
  projectors: '4002',
  sagas: '4003',
  scrapers: '4004',
} as const;

/** Runs one service, or the embedded database, until a signal. */
export async function run(name: Runnable, options: CommonOptions): Promise<ExitCode> {
  return name === 'database' ? runDatabase(options) : runService(name, options);
}

async function runDatabase(options: CommonOptions): Promise<ExitCode> {
  const schema = daybookSettings.pick({ installation: true, telemetry: true });
  const { folder, config } = await invocation(schema, options);
  const log = openLog(config, { service: 'database' });
  const lock = await lockDataFolder(folder);
  const signals = stopSignals();
  try {
    const server = await keepEmbeddedPostgres({ folder: join(folder.path, 'postgres'), log });
    log.info('The embedded PostgreSQL is ready.', { port: Number(new URL(server.url).port) });
    await signals.stopped;
    await server.stop();
    return exitCodes.ok;
  } finally {
    await lock.release();
    signals.release();
  }
}

async function runService(name: Exclude<Runnable, 'database'>, options: CommonOptions): Promise<ExitCode> {
  const service = await services[name]();
  const { folder, config } = await invocation(settingsAlone(service), options, (env) =>
    options.port === undefined && !env['PORT'] ? { PORT: usualPorts[name] } : {},
  ).catch(refuseConfiguration);
  const log = openLog(config, { service: name });
  const database = await expectDatabase(config, folder);
  const held = await holdServiceName(folder, name);
  const signals = stopSignals((signal) => {
    log.info('Stopping.', { signal });
  });
  try {
    const instance = held === undefined ? {} : { instance: held.instance };
    const running = await startAlone(service, { config, databaseUrl: database.url, log, ...instance });
    await untilReady(running.ready, signals.signal);
    log.info('The service is ready.', { url: running.url });
    await signals.stopped;
    await running.stop();
    log.info('The service has stopped.');
    return exitCodes.ok;
  } finally {
    await held?.release();
    signals.release();
  }
}
