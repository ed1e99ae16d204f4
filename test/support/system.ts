/** A running system, in one process or in five, for tests that know only its interface. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runningEmbeddedPostgres } from '@daybook/infra/database/embedded.ts';
import { startDaybook, type DaybookProcess } from './processes.ts';

export type Mode = 'one process' | 'five processes';

/** Both ways to run; a suite runs in each. */
export const modes: readonly Mode[] = ['one process', 'five processes'];

/** Where commands and queries go. In one process it is the same place. */
export type Addresses = Readonly<{ commands: string; queries: string }>;

export type System = Readonly<{
  mode: Mode;
  addresses: Addresses;
  folder: string;
  databaseUrl: string;
  /** By name: `up`, or the five services and `database`. */
  processes: ReadonlyMap<string, DaybookProcess>;
  /** Everything its processes wrote. */
  output: () => string;
  /** SIGTERM to all but the database, then to that; resolves with their exit codes. */
  stop: () => Promise<ReadonlyMap<string, number | NodeJS.Signals>>;
  /** SIGKILL to every process of ours; an embedded PostgreSQL in one process stays. */
  kill: () => Promise<void>;
  /** SIGKILL to one, which then starts again at its old place. */
  killAndRestart: (name: string) => Promise<void>;
  /** Stops what still runs and removes the folder. */
  discard: () => Promise<void>;
}>;

export type SystemOptions = Readonly<{
  mode: Mode;
  /** Default: a new one. */
  folder?: string;
  /** Ports to answer at, to meet clients again after a restart. Default: free ones. */
  addresses?: Addresses;
  env?: Readonly<Record<string, string>>;
  /** Another checkout to run, in one process. */
  root?: string;
}>;

/** Without limits of rate, since all requests of a test come from one address. */
const defaultEnv = {
  RATE_LIMIT_PER_MINUTE: '0',
  RATE_LIMIT_AUTH_PER_MINUTE: '0',
  RATE_LIMIT_MUTATIONS_PER_SECOND: '0',
};

/** What each part says once it works. */
export const readyLine = {
  up: 'Daybook is ready.',
  run: 'The service is ready.',
  database: 'The embedded PostgreSQL is ready.',
};

/** Starts a system and waits until it is ready. */
export async function startSystem(options: SystemOptions): Promise<System> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'daybook-system-')));
  const env = { ...defaultEnv, ...options.env, DAYBOOK_DATA: folder };
  const { processes, addresses, again } =
    options.mode === 'one process'
      ? await startTogether(env, options.addresses, options.root)
      : await startApart(env, options.addresses);
  const databaseUrl = await runningEmbeddedPostgres(join(folder, 'postgres'));
  if (databaseUrl === undefined) throw new Error('The system has no database.');
  const stop = async (): Promise<ReadonlyMap<string, number | NodeJS.Signals>> => {
    const rest = [...processes].filter(([name]) => name !== 'database').map(([, one]) => one);
    for (const one of rest) one.signal('SIGTERM');
    await Promise.all(rest.map((one) => one.ended));
    processes.get('database')?.signal('SIGTERM');
    const codes = [...processes].map(async ([name, { ended }]) => [name, await ended] as const);
    return new Map(await Promise.all(codes));
  };
  return {
    mode: options.mode,
    addresses,
    folder,
    databaseUrl,
    processes,
    output: () => [...processes.values()].map((one) => one.output()).join('\n'),
    stop,
    kill: async () => {
      for (const one of processes.values()) one.signal('SIGKILL');
      await Promise.all([...processes.values()].map((one) => one.ended));
    },
    killAndRestart: async (name) => {
      const old = processes.get(name);
      old?.signal('SIGKILL');
      await old?.ended;
      processes.set(name, await again(name));
    },
    discard: async () => {
      await stop();
      await stopLeftPostgres(folder);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What was started, and how to start each part again where it was. */
type Started = Readonly<{
  processes: Map<string, DaybookProcess>;
  addresses: Addresses;
  again: (name: string) => Promise<DaybookProcess>;
}>;

type Env = Readonly<Record<string, string>>;

async function startTogether(env: Env, addresses: Addresses | undefined, root?: string): Promise<Started> {
  const start = async (port: string): Promise<[DaybookProcess, string]> => {
    const up = startDaybook(['up', '--port', port], env, root);
    return [up, String((await up.said(readyLine.up))['url'])];
  };
  const [up, url] = await start(portOf(addresses?.commands));
  return {
    processes: new Map([['up', up]]),
    addresses: { commands: url, queries: url },
    again: async () => (await start(portOf(url)))[0],
  };
}

async function startApart(env: Env, addresses: Addresses | undefined): Promise<Started> {
  const processes = new Map<string, DaybookProcess>();
  const starting = (name: string, port = '0', more: Env = {}): DaybookProcess => {
    const one = startDaybook(['run', name, ...(name === 'database' ? [] : ['--port', port])], {
      ...env,
      ...more,
    });
    processes.set(name, one);
    return one;
  };
  await starting('database').said(readyLine.database);
  const commandService = starting('command-service', portOf(addresses?.commands));
  const queryService = starting('query-service', portOf(addresses?.queries));
  starting('projectors');
  starting('scrapers');
  const commands = String((await commandService.said(readyLine.run))['url']);
  const toCommands = { COMMAND_SERVICE_URL: commands };
  starting('sagas', '0', toCommands);
  const queries = String((await queryService.said(readyLine.run))['url']);
  for (const [name, one] of processes) if (name !== 'database') await one.said(readyLine.run);
  const ports: Readonly<Record<string, string>> = {
    'command-service': portOf(commands),
    'query-service': portOf(queries),
  };
  return {
    processes,
    addresses: { commands, queries },
    again: async (name) => {
      const one = starting(name, ports[name], toCommands);
      await one.said(name === 'database' ? readyLine.database : readyLine.run);
      return one;
    },
  };
}

function portOf(url: string | undefined): string {
  return url === undefined ? '0' : new URL(url).port;
}

/** A killed process leaves its embedded server running, for the next one to take over. */
async function stopLeftPostgres(folder: string): Promise<void> {
  if ((await runningEmbeddedPostgres(join(folder, 'postgres'))) === undefined) return;
  const keeper = startDaybook(['run', 'database'], { DAYBOOK_DATA: folder });
  await keeper.said(readyLine.database);
  keeper.signal('SIGTERM');
  await keeper.ended;
}
