/** Services put together: all in this process on one origin, or one alone. Both ways run the same code. */
import { hostname } from 'node:os';
import { openDatabase } from '@daybook/infra/database/database.ts';
import { migrate } from '@daybook/infra/database/migrate.ts';
import { daybookSettings, type ConfigOf, type DaybookConfig } from '@daybook/infra/config/settings.ts';
import { makeApp } from '@daybook/infra/http/app.ts';
import { httpCommandSender } from '@daybook/infra/http/http-command-sender.ts';
import { startServer, type RunningServer } from '@daybook/infra/http/server.ts';
import { openPlatform, platformSettings } from '@daybook/infra/open-platform.ts';
import type { Platform, Readiness, RunningService, Service } from '@daybook/infra/platform.ts';
import { askParts, readinessOf } from '@daybook/infra/readiness.ts';
import { startProcessMetrics } from '@daybook/infra/telemetry/metrics.ts';
import { startTracing, type Tracing } from '@daybook/infra/telemetry/tracing.ts';
import type { CommandSender, Log } from '@daybook/kernel/ports/outside.ts';
import { loadModels, services } from './services.ts';
import { expectEngines } from './start-checks.ts';

/** What every process reads of the environment, whatever runs in it. */
const processSettings = platformSettings.extend(daybookSettings.pick({ http: true, telemetry: true }).shape);

/** The configuration of a process that runs one service: it may lack the parts that only others need. */
export type ProcessConfig = ConfigOf<typeof processSettings> & Partial<Pick<DaybookConfig, 'services'>>;

/** What a service that runs alone reads of the environment: what it declares, and what holds it up. */
export function settingsAlone(service: Service): typeof processSettings {
  return processSettings.extend(service.settings.shape) as typeof processSettings;
}

export type CompositionOptions<C extends ProcessConfig = ProcessConfig> = Readonly<{
  config: C;
  databaseUrl: string;
  log: Log;
}>;

/** Services that run, with what holds them up. */
export type RunningDaybook = Readonly<{
  platform: Platform;
  /** Where they answer. */
  url: string;
  ready: () => Promise<Readiness>;
  /** Lets requests and batches under way end, then closes everything. Idempotent. */
  stop: () => Promise<void>;
}>;

/**
 * All services in this process, which holds the data folder. The command service comes first, since the others send it commands.
 * @throws `configuration-invalid` · `unavailable` · `partition-mismatch`
 */
export async function startTogether(options: CompositionOptions<DaybookConfig>): Promise<RunningDaybook> {
  const instance = `${hostname()} ${options.config.installation.dataFolder}`;
  return start(options, { name: 'daybook', instance }, async (platform, stopping, started) => {
    const models = await loadModels();
    let commandSender = nobody;
    for (const service of await Promise.all(Object.values(services).map((load) => load()))) {
      const own = { ...platform, log: options.log.with({ service: service.name }) };
      const running = await startOne(service, own, options, { commandSender, stopping, models });
      started.push(running);
      commandSender = running.commandSender ?? commandSender;
    }
  });
}

/**
 * One service in this process. Its commands go to `COMMAND_SERVICE_URL`, where it declares that it reads that. A service
 * without an interface of its own still answers on its port for health and metrics.
 */
export async function startAlone(
  service: Service,
  options: CompositionOptions & Readonly<{ instance?: string }>,
): Promise<RunningDaybook> {
  const { config, instance } = options;
  const named = { name: service.name, ...(instance === undefined ? {} : { instance }) };
  return start(options, named, async (platform, stopping, started) => {
    const sender = config.services === undefined ? undefined : senderTo(config.services);
    const links = { commandSender: sender ?? nobody, stopping, models: await loadModels() };
    const running = await startOne(service, platform, options, links);
    started.push({
      ...running,
      stop: async () => {
        await running.stop();
        await sender?.close();
      },
    });
  });
}

function senderTo({
  commandServiceUrl,
  secret,
}: DaybookConfig['services']): ReturnType<typeof httpCommandSender> {
  return httpCommandSender({ baseUrl: commandServiceUrl, secret });
}

/** Sender of a process in which nothing sends. */
const nobody: CommandSender = {
  send: ({ command }) => Promise.reject(new TypeError(`There is no command service to send ${command} to.`)),
};

type Links = Parameters<Service['start']>[1];

async function startOne(
  service: Service,
  platform: Platform,
  { config, log }: CompositionOptions,
  links: Links,
): Promise<RunningService> {
  const running = await service.start(platform, links, config);
  log.debug('A service has started.', { service: service.name });
  return running;
}

type StartServices = (platform: Platform, stopping: AbortSignal, started: RunningService[]) => Promise<void>;

/**
 * The order of starting: a look at the engines, migrations, ports, services, the HTTP interface last. Stopping goes the other way: streams
 * end, the interface drains, services finish what is in hand in reverse order, ports close.
 */
async function start(
  options: CompositionOptions,
  process: Readonly<{ name: string; instance?: string }>,
  startServices: StartServices,
): Promise<RunningDaybook> {
  const { config, databaseUrl, log } = options;
  await expectEngines(config, databaseUrl);
  await migrateFirst(databaseUrl, log);
  startProcessMetrics();
  const { otlpEndpoint } = config.telemetry;
  const tracing = await startTracing({
    serviceName: process.name,
    ...(otlpEndpoint === undefined ? {} : { endpoint: otlpEndpoint }),
  });
  const stopping = new AbortController();
  const started: RunningService[] = [];
  const platform = await openPlatform({ config, databaseUrl, log, ...process });
  const ready = (): Promise<Readiness> => readinessOfAll(started, platform);
  const stop = once(() =>
    stopAll({ stopping, server, started, platform, tracing }, config.http.shutdownGraceMs),
  );
  let server: RunningServer | undefined;
  try {
    await startServices(platform, stopping.signal, started);
    server = await serve(options, platform, started, ready, stopping.signal);
  } catch (error) {
    await stop();
    throw error;
  }
  return { platform, url: server.url, ready, stop };
}

async function migrateFirst(url: string, log: Log): Promise<void> {
  const database = openDatabase({
    url,
    poolSize: 2,
    applicationName: 'daybook migrate',
    statementTimeoutMs: 0,
    log,
  });
  try {
    const applied = await migrate(database);
    if (applied.length > 0) log.info('The database was migrated.', { migrations: applied.length });
  } finally {
    await database.close();
  }
}

function serve(
  { config, log }: CompositionOptions,
  platform: Platform,
  started: readonly RunningService[],
  ready: () => Promise<Readiness>,
  stopping: AbortSignal,
): Promise<RunningServer> {
  const { http, installation } = config;
  const production = installation.environment === 'production';
  const app = makeApp({
    log,
    routers: started.flatMap(({ routers = [] }) => routers),
    fragments: started.flatMap(({ openapi }) => (openapi === undefined ? [] : [openapi])),
    ready,
    stopping,
    tokens: platform.tokens,
    info: { title: 'Daybook', version: '0.1.0' },
    publicUrl: http.publicUrl,
    corsOrigins: [
      ...http.corsOrigins,
      ...(http.frontendUrl === undefined ? [] : [new URL(http.frontendUrl).origin]),
    ],
    trustProxy: http.trustProxy,
    requireHttps: http.requireHttps ?? (production && http.trustProxy.length > 0),
  });
  return startServer({ listener: app, host: http.host, port: http.port });
}

type Running = Readonly<{
  stopping: AbortController;
  server: RunningServer | undefined;
  started: readonly RunningService[];
  platform: Platform;
  tracing: Tracing;
}>;

async function stopAll(running: Running, graceMs: number): Promise<void> {
  running.stopping.abort();
  await running.server?.stop(graceMs);
  const failures: unknown[] = [];
  for (const service of running.started.toReversed()) {
    await service.stop().catch((error: unknown) => failures.push(error));
  }
  await running.platform.close().catch((error: unknown) => failures.push(error));
  await running.tracing.stop().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}

/** Ready when every service is, and every engine that is needed; parts keep their names. */
async function readinessOfAll(
  started: readonly RunningService[],
  { logWatch, engines }: Platform,
): Promise<Readiness> {
  const followedLog = (): Promise<undefined> => {
    logWatch.check();
    return Promise.resolve(undefined);
  };
  const own = askParts({ ...engines.checks, followedLog });
  const all = await Promise.all([own, ...started.map((service) => service.ready())]);
  return readinessOf(Object.assign({}, ...all.map(({ parts }) => parts)) as Readiness['parts']);
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= work());
}
