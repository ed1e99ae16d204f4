import { spawn, execFile, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import { makeRunner, type Runner } from './server-programs.ts';

const run = promisify(execFile);

/** PostgreSQL's own server, from npm, as a child process with its data in a folder of ours. */
export type EmbeddedPostgres = Readonly<{
  /** Connects as the owner to the database `daybook`. */
  url: string;
  pid: number;
  /** Fast shutdown: open transactions are rolled back, everything committed is on disk. Idempotent. */
  stop(): Promise<void>;
}>;

export type EmbeddedOptions = Readonly<{
  /** Created where it is missing. */
  folder: string;
  log: Log;
  /** Loopback port. Default: any free one. */
  port?: number;
  /** Finds a free one; somebody else may take it before the server does, and another is asked for. Default: the system. */
  freePort?: () => Promise<number>;
  /** Server settings beside ours, such as `{ fsync: 'off' }` for tests. */
  settings?: Readonly<Record<string, string>>;
}>;

const databaseName = 'daybook';
/** Longest silence of a server that starts or stops. It tells of its progress every 10 s while it recovers from a crash. */
const silenceLimitMs = 30_000;

/**
 * Starts the server on a free loopback port, or takes over the one that a killed process left running in the folder.
 * @throws `data-folder-unusable` where the folder cannot be used, `unavailable` where the server does not come up
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const folder = resolve(options.folder);
  const data = join(folder, 'data');
  const runner = await makeRunner(folder);
  const password = await passwordOf(folder);
  if (!existsSync(join(data, 'PG_VERSION'))) await initialise(runner, data, folder, password);
  const left = await leftRunning(data);
  if (left !== undefined) {
    const url = urlOf(left.port, password);
    if (await answersInTheEnd(url, left.pid, options.log)) return handle(url, left.pid);
    await stopPid(left.pid);
  }
  return startOnceFree(runner, data, password, options);
}

/** Between two tries while backends of a killed server still hold its shared memory, or somebody else took the port. */
const stillHeldMs = 100;

/** What only stands in the way for a moment. */
type InTheWay = 'shared memory' | 'port';

/**
 * A killed server's backends leave when they notice: a busy machine takes its time about that. Of ports that the system
 * chooses there are others.
 */
async function startOnceFree(
  runner: Runner,
  data: string,
  password: string,
  options: EmbeddedOptions,
): Promise<EmbeddedPostgres> {
  const deadline = performance.now() + silenceLimitMs;
  for (let tries = 1; ; tries += 1) {
    try {
      return await start(runner, data, password, options);
    } catch (error) {
      const inTheWay = error instanceof DaybookError ? error.fields['inTheWay'] : undefined;
      const passes = inTheWay === 'shared memory' || (inTheWay === 'port' && options.port === undefined);
      if (!passes || performance.now() > deadline) throw error;
      if (tries === 1 && inTheWay === 'shared memory')
        options.log.info('A killed PostgreSQL has not left yet and is waited for.');
      await new Promise((wake) => setTimeout(wake, stillHeldMs));
    }
  }
}

/** Connects to the server that another process runs in the folder; undefined where none does. */
export async function runningEmbeddedPostgres(folder: string): Promise<string | undefined> {
  const left = await leftRunning(join(resolve(folder), 'data'));
  if (left === undefined) return undefined;
  const url = urlOf(left.port, await passwordOf(resolve(folder)));
  return (await answerOf(url)) === 'yes' ? url : undefined;
}

async function passwordOf(folder: string): Promise<string> {
  const file = join(folder, 'password');
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch {
    const password = randomBytes(24).toString('base64url');
    await writeFile(file, `${password}\n`, { mode: 0o600 });
    return password;
  }
}

async function initialise(runner: Runner, data: string, folder: string, password: string): Promise<void> {
  // A half-made cluster of a killed first start is made anew: nothing was ever in it.
  await rm(data, { recursive: true, force: true });
  await mkdir(data, { recursive: true, mode: 0o700 });
  const passwordFile = join(data, '..', 'initdb-password');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  await runner.own(data);
  await runner.own(passwordFile);
  const { command, args, uid, gid } = runner.program('initdb', [
    `--pgdata=${data}`,
    '--username=daybook',
    '--auth=scram-sha-256',
    `--pwfile=${passwordFile}`,
    '--encoding=UTF8',
    '--locale=C.UTF-8',
    '--locale-provider=builtin',
    '--data-checksums',
  ]);
  try {
    await run(command, args, { cwd: '/', ...(uid === undefined ? {} : { uid, gid }) });
  } catch (cause) {
    await rm(data, { recursive: true, force: true });
    throw new DaybookError(
      'data-folder-unusable',
      `PostgreSQL could not make its data folder in ${folder}.${saidBy(cause)}`,
      { cause },
    );
  } finally {
    await rm(passwordFile, { force: true });
  }
}

/** The last line that the failed program wrote, as a sentence's continuation; empty where it wrote none. */
function saidBy(cause: unknown): string {
  const written = (cause as { stderr?: unknown } | undefined)?.stderr;
  const last = typeof written === 'string' ? written.trim().split('\n').at(-1) : undefined;
  return last === undefined || last === '' ? '' : ` It says: ${last}`;
}

async function start(
  runner: Runner,
  data: string,
  password: string,
  options: EmbeddedOptions,
): Promise<EmbeddedPostgres> {
  const port = options.port ?? (await (options.freePort ?? freePort)());
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    max_connections: '200',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...options.settings,
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const { command, args, uid, gid } = runner.program('postgres', ['-D', data, ...flags]);
  // In a process group of its own, so that a terminal's Ctrl-C reaches only us and we decide the order of stopping.
  const child = spawn(command, args, {
    cwd: '/',
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(uid === undefined ? {} : { uid, gid }),
  });
  try {
    await ready(child, options.log);
  } finally {
    // Also one that did not come up in time does not keep us alive.
    child.stderr.on('data', () => undefined);
    child.unref();
    (child.stderr as unknown as { unref(): void }).unref();
  }
  await ensureDatabase(port, password);
  return handle(urlOf(port, password), child.pid ?? 0);
}

function ready(child: ChildProcess, log: Log): Promise<void> {
  return new Promise((done, fail) => {
    let output = '';
    const give = (error?: Error): void => {
      clearTimeout(timer);
      child.removeAllListeners('exit');
      child.removeAllListeners('error');
      child.stderr?.removeAllListeners('data');
      if (error === undefined) done();
      else fail(error);
    };
    const failure = (message: string, cause?: unknown, inTheWay?: InTheWay): DaybookError =>
      new DaybookError('unavailable', message, {
        retry: 'later',
        cause,
        ...(inTheWay === undefined ? {} : { fields: { inTheWay } }),
      });
    const timer = setTimeout(() => {
      give(failure('The embedded PostgreSQL did not come up in time.'));
    }, silenceLimitMs);
    child.on('error', (cause) => {
      give(failure('The embedded PostgreSQL could not be started.', cause));
    });
    child.on('exit', (code) => {
      // https://www.postgresql.org/docs/current/server-shutdown.html: after SIGKILL of the postmaster.
      if (output.includes('pre-existing shared memory block')) {
        give(failure('A killed PostgreSQL has not left yet.', undefined, 'shared memory'));
        return;
      }
      if (output.includes('could not create any TCP/IP sockets')) {
        give(failure(`The embedded PostgreSQL has no port: ${portWords(output)}`, undefined, 'port'));
        return;
      }
      log.error('The embedded PostgreSQL ended while starting.', {
        exitCode: code,
        output: output.slice(-2_000),
      });
      give(failure(`The embedded PostgreSQL ended while starting: ${lastLine(output)}`));
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
      timer.refresh();
      if (output.includes('database system is ready to accept connections')) give();
    });
  });
}

/** What the server says of the address, rather than its last line. */
function portWords(text: string): string {
  return /could not bind [^\n]*/.exec(text)?.[0] ?? lastLine(text);
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}

async function ensureDatabase(port: number, password: string): Promise<void> {
  const client = clientOf(urlOf(port, password, 'postgres'));
  try {
    await client.connect();
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [databaseName]);
    if (rowCount === 0) await client.query(`create database ${databaseName}`);
  } finally {
    await client.end();
  }
}

/** A connection whose loss is told by its next statement: one that nobody listens to would end the process. */
function clientOf(connectionString: string): pg.Client {
  return new pg.Client({ connectionString, connectionTimeoutMillis: 5_000 }).on('error', () => undefined);
}

function urlOf(port: number, password: string, database = databaseName): string {
  return `postgres://daybook:${password}@127.0.0.1:${String(port)}/${database}`;
}

/** Pause between two looks at a server that recovers. */
const recoveringMs = 250;

/** Whether a server that was left running answers; one that recovers from a crash is waited for, or it would begin anew. */
async function answersInTheEnd(url: string, pid: number, log: Log): Promise<boolean> {
  let told = false;
  for (;;) {
    const answer = await answerOf(url);
    if (answer !== 'not yet' || !alive(pid)) return answer === 'yes';
    if (!told) log.info('The embedded PostgreSQL recovers from a crash.');
    told = true;
    await new Promise((wake) => setTimeout(wake, recoveringMs));
  }
}

async function answerOf(url: string): Promise<'yes' | 'not yet' | 'no'> {
  const client = clientOf(url);
  try {
    await client.connect();
    await client.query('select 1');
    return 'yes';
  } catch (error) {
    // https://www.postgresql.org/docs/current/errcodes-appendix.html: cannot_connect_now
    return (error as { code?: unknown }).code === '57P03' ? 'not yet' : 'no';
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The server a killed process left behind, from PostgreSQL's own lock file: line 1 is the pid, line 4 the port. */
async function leftRunning(data: string): Promise<{ pid: number; port: number } | undefined> {
  const lines = await readFile(join(data, 'postmaster.pid'), 'utf8').then(
    (text) => text.split('\n'),
    () => [],
  );
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  return pid > 0 && port > 0 && alive(pid) ? { pid, port } : undefined;
}

/** True while the process is there, whoever's it is. One that ended and was not yet buried by its parent is not. */
export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  // proc(5): the state follows the command name in parentheses. In a container the new parent may bury nobody.
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    return stat[stat.lastIndexOf(')') + 2] !== 'Z';
  } catch {
    return true;
  }
}

function handle(url: string, pid: number): EmbeddedPostgres {
  let stopping: Promise<void> | undefined;
  return { url, pid, stop: () => (stopping ??= stopPid(pid)) };
}

/** SIGINT is PostgreSQL's fast shutdown: https://www.postgresql.org/docs/current/server-shutdown.html */
async function stopPid(pid: number): Promise<void> {
  if (!alive(pid)) return;
  process.kill(pid, 'SIGINT');
  const deadline = performance.now() + silenceLimitMs;
  while (alive(pid)) {
    if (performance.now() > deadline) {
      throw new DaybookError('unavailable', 'The embedded PostgreSQL did not stop in time.', {
        retry: 'later',
      });
    }
    await new Promise((wake) => setTimeout(wake, 20));
  }
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.on('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => {
        done(port);
      });
    });
  });
}
