/** A running system, in one process or in five, for tests that know only its interface. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runningEmbeddedPostgres } from '@daybook/infra/database/embedded.ts';
import { freePort } from './ports.ts';
import { startDaybook, type DaybookProcess } from './processes.ts';

export type Mode = 'one process' | 'five processes';

/** Both ways to run; a suite runs in each. */
export const modes: readonly Mode[] = ['one process', 'five processes'];

/** Where commands and queries go. In one process it is the same place. */
export type Addresses = Readonly<{ commands: string; queries: string }>;

export type System = Readonly<{
  mode: Mode;
  addresses: Addresses;
  /** Where the second of each service answers, with `twice`. */
  others?: Addresses;
  folder: string;
  databaseUrl: string;
  /** By name: `up`, or the five services (`sagas 2` for a second one) and `database`. */
  processes: ReadonlyMap<string, DaybookProcess>;
  /** Everything its processes wrote. */
  output: () => string;
  /** SIGTERM to all but the database, then to that; resolves with their exit codes. */
  stop: () => Promise<ReadonlyMap<string, number | NodeJS.Signals>>;
  /** SIGKILL to every process of ours; an embedded PostgreSQL in one process stays. */
  kill: () => Promise<void>;
  /** SIGKILL to one, which then starts again at its old place; `env` is for this run of it alone. */
  killAndRestart: (name: string, env?: Env) => Promise<void>;
  /** SIGTERM to one, which then starts again at its old place. Resolves with its exit code. */
  stopAndRestart: (name: string, env?: Env) => Promise<number | NodeJS.Signals>;
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
  /** A database that somebody else runs. Default: the embedded one, as a part of the system. */
  databaseUrl?: string;
  /** Two of each service, in five processes. */
  twice?: boolean;
  /** More of the environment for one process, by its name. */
  envOf?: Readonly<Record<string, Env>>;
}>;

type Env = Readonly<Record<string, string>>;

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
  const given: Env = options.databaseUrl === undefined ? {} : { DATABASE_URL: options.databaseUrl };
  const env = { ...defaultEnv, ...options.env, ...given, DAYBOOK_DATA: folder };
  const { processes, addresses, others, again } =
    options.mode === 'one process' ? await startTogether(env, options) : await startApart(env, options);
  const databaseUrl = options.databaseUrl ?? (await runningEmbeddedPostgres(join(folder, 'postgres')));
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
    ...(others === undefined ? {} : { others }),
    folder,
    databaseUrl,
    processes,
    output: () => [...processes.values()].map((one) => one.output()).join('\n'),
    stop,
    kill: async () => {
      for (const one of processes.values()) one.signal('SIGKILL');
      await Promise.all([...processes.values()].map((one) => one.ended));
    },
    killAndRestart: async (name, more) => {
      const old = processes.get(name);
      old?.signal('SIGKILL');
      await old?.ended;
      processes.set(name, await again(name, more));
    },
    stopAndRestart: async (name, more) => {
      const old = processes.get(name);
      old?.signal('SIGTERM');
      const code = (await old?.ended) ?? 0;
      processes.set(name, await again(name, more));
      return code;
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
  others?: Addresses;
  again: (name: string, env?: Env) => Promise<DaybookProcess>;
}>;

async function startTogether(env: Env, { addresses, root, envOf }: SystemOptions): Promise<Started> {
  const start = async (port: string, more: Env = {}): Promise<[DaybookProcess, string]> => {
    const up = startDaybook(['up', '--port', port], { ...env, ...envOf?.['up'], ...more }, root);
    return [up, String((await up.said(readyLine.up))['url'])];
  };
  const [up, url] = await start(await portOf(addresses?.commands));
  return {
    processes: new Map([['up', up]]),
    addresses: { commands: url, queries: url },
    again: async (_, more) => (await start(await portOf(url), more))[0],
  };
}

async function startApart(env: Env, options: SystemOptions): Promise<Started> {
  const processes = new Map<string, DaybookProcess>();
  const ports = new Map<string, string>();
  const starting = (name: string, more: Env = {}): DaybookProcess => {
    const [service = name] = name.split(' ');
    const own = service === 'database' ? [] : ['--port', ports.get(name) ?? '0'];
    const one = startDaybook(['run', service, ...own], { ...env, ...options.envOf?.[name], ...more });
    processes.set(name, one);
    return one;
  };
  const saysReady = async (name: string): Promise<string> => {
    const line = name === 'database' ? readyLine.database : readyLine.run;
    return String((await processes.get(name)?.said(line))?.['url']);
  };
  const toCommands = new Map<string, Env>();

  /** The five, or a second of each: the numbers stand behind the names. */
  async function startFive(number: string, at: Addresses | undefined): Promise<Addresses> {
    const [commandService, queryService] = [`command-service${number}`, `query-service${number}`];
    ports.set(commandService, await portOf(at?.commands)).set(queryService, await portOf(at?.queries));
    for (const name of [commandService, queryService, `projectors${number}`, `scrapers${number}`]) {
      starting(name);
    }
    const commands = await saysReady(commandService);
    toCommands.set(`sagas${number}`, { COMMAND_SERVICE_URL: commands });
    starting(`sagas${number}`, toCommands.get(`sagas${number}`));
    const queries = await saysReady(queryService);
    for (const name of ['projectors', 'scrapers', 'sagas']) await saysReady(name + number);
    return { commands, queries };
  }

  if (options.databaseUrl === undefined) {
    starting('database');
    await saysReady('database');
  }
  const addresses = await startFive('', options.addresses);
  const others = options.twice === true ? await startFive(' 2', undefined) : undefined;
  return {
    processes,
    addresses,
    ...(others === undefined ? {} : { others }),
    again: async (name, more) => {
      const one = starting(name, { ...toCommands.get(name), ...more });
      await saysReady(name);
      return one;
    },
  };
}

/** That of a URL, or one at which a process can start again: while it is down nobody is given it. */
async function portOf(url: string | undefined): Promise<string> {
  return url === undefined ? String(await freePort()) : new URL(url).port;
}

/** A killed process leaves its embedded server running, for the next one to take over. */
async function stopLeftPostgres(folder: string): Promise<void> {
  if ((await runningEmbeddedPostgres(join(folder, 'postgres'))) === undefined) return;
  const keeper = startDaybook(['run', 'database'], { DAYBOOK_DATA: folder });
  await keeper.said(readyLine.database);
  keeper.signal('SIGTERM');
  await keeper.ended;
}
