import { daybookSettings, type DaybookConfig } from '@daybook/infra/config/settings.ts';
import { keepEmbeddedPostgres } from '@daybook/infra/database/kept-postgres.ts';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import { join } from 'node:path';
import { startTogether, type RunningDaybook } from '../composition.ts';
import { lockDataFolder, type DataFolder } from '../data-folder.ts';
import { demoNotebook, type DemoMemory, type DemoNotebook } from '../demo/account.ts';
import { openDemoShop } from '../demo/open-demo-shop.ts';
import type { RunningShop } from '../demo/shop/shop.ts';
import { playTour } from '../demo/tour.ts';
import { invocation, logFile, openLog } from '../invocation.ts';
import type { UpOptions } from '../program.ts';
import { exitCodes, type ExitCode } from '../sentences.ts';
import { refuseConfiguration } from '../start-checks.ts';
import { stopSignals, type StopSignals } from '../signals.ts';
import { screenFor, type Screen } from '../terminal/screen.ts';
import { untilReady } from '../until-ready.ts';

/** Runs everything in this process until a signal; with the demo on top, if asked. */
export async function up(options: UpOptions): Promise<ExitCode> {
  const cleanUp: (() => Promise<unknown>)[] = [];
  const screen = screenFor(process.stdout);
  const signals = stopSignals(() => {
    screen.close();
    if (options.demo || process.stdout.isTTY) screen.print(['', 'Stopping …']);
  });
  cleanUp.push(() => {
    signals.release();
    return Promise.resolve();
  });
  try {
    const { folder, config, log, demo } = await prepare(options, cleanUp);
    const databaseUrl = config.database.url ?? (await embeddedUrl(folder, log, cleanUp));
    const daybook = await startTogether({ config, databaseUrl, log });
    cleanUp.push(daybook.stop);
    await untilReady(daybook.ready, signals.signal);
    log.info('Daybook is ready.', { url: daybook.url });
    if (demo !== undefined) await play(demo, daybook, screen, signals);
    else if (process.stdout.isTTY) screen.print(greeting(daybook.url, folder));
    await signals.stopped;
    log.info('Daybook is stopping.');
    return exitCodes.ok;
  } finally {
    await cleanedUp(cleanUp);
  }
}

/** Every step in reverse order, also behind one that fails. @throws what failed first */
async function cleanedUp(steps: readonly (() => Promise<unknown>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps.toReversed()) {
    await step().catch((error: unknown) => {
      failures.push(error);
    });
  }
  if (failures.length > 0) throw failures[0];
}

type Demo = Readonly<{ shop: RunningShop; memory: DemoMemory; notebook: DemoNotebook }>;

type Prepared = Readonly<{ folder: DataFolder; config: DaybookConfig; log: Log; demo?: Demo }>;

/** Folder, lock, shop, configuration, log: in this order, since each needs the one before. */
async function prepare(options: UpOptions, cleanUp: (() => Promise<unknown>)[]): Promise<Prepared> {
  const { folder } = await invocation(daybookSettings.pick({ installation: true }), options);
  const lock = await lockDataFolder(folder);
  cleanUp.push(lock.release);
  const demo = options.demo ? await openDemo(folder) : undefined;
  if (demo !== undefined) cleanUp.push(demo.shop.close);
  const { config } = await invocation(daybookSettings, options, (env) =>
    demo === undefined
      ? {}
      : { OUTBOUND_ALLOW_HOSTS: [env['OUTBOUND_ALLOW_HOSTS'], demo.shop.host].filter(Boolean).join(',') },
  ).catch(refuseConfiguration);
  if (demo !== undefined && config.installation.environment === 'production') throw demoInProduction();
  const quiet = options.demo || process.stdout.isTTY;
  const log = openLog(config, quiet ? { file: logFile(folder) } : {});
  return { folder, config, log, ...(demo === undefined ? {} : { demo }) };
}

function demoInProduction(): DaybookError {
  return new DaybookError(
    'configuration-invalid',
    'The demo makes up a tenant and is not for production (NODE_ENV).',
  );
}

async function openDemo(folder: DataFolder): Promise<Demo> {
  const notebook = demoNotebook(folder.path);
  return { ...(await openDemoShop(notebook)), notebook };
}

async function embeddedUrl(
  folder: DataFolder,
  log: Log,
  cleanUp: (() => Promise<unknown>)[],
): Promise<string> {
  const server = await keepEmbeddedPostgres({ folder: join(folder.path, 'postgres'), log });
  cleanUp.push(server.stop);
  return server.url;
}

function play(
  { shop, memory, notebook }: Demo,
  { url, platform }: RunningDaybook,
  screen: Screen,
  { signal }: StopSignals,
): Promise<void> {
  return playTour({
    url,
    shop,
    screen,
    live: process.stdout.isTTY,
    ...(memory.account === undefined ? {} : { account: memory.account }),
    keepAccount: (account) => notebook.write({ ...memory, account }),
    renew: async ({ userId, tenantId, email }) =>
      (await platform.tokens.issue({ userId, tenantId, email, role: 'owner' })).token,
    signal,
  }).catch((error: unknown) => {
    // A stop in the middle of the first steps is no failure.
    if (!signal.aborted) throw error;
  });
}

function greeting(url: string, folder: DataFolder): readonly string[] {
  return [
    'Daybook is ready.',
    '',
    `  interface   ${url}/docs`,
    `  health      ${url}/health`,
    `  data        ${folder.path}`,
    `  log         ${logFile(folder)}`,
    '',
    'Ctrl-C stops it.',
  ];
}
