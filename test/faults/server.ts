/** A PostgreSQL as something to break: that of a system, or one of a test's own. */
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keepEmbeddedPostgres } from '@daybook/infra/database/kept-postgres.ts';
import { freePort } from '../support/ports.ts';
import { silentLog } from '../support/silent-log.ts';

/** A server of a test's own. */
export type Server = Readonly<{
  url: string;
  folder: string;
  /** Stops it and removes what it kept. */
  stop: () => Promise<void>;
}>;

/** Starts one and keeps it running, with settings beside the usual ones, in a folder of its own or in the one given. */
export async function startServer(
  settings: Readonly<Record<string, string>> = {},
  folder?: string,
): Promise<Server> {
  const own = folder ?? (await mkdtemp(join(tmpdir(), 'daybook-server-')));
  const server = await keepEmbeddedPostgres({ folder: own, freePort, log: silentLog, settings });
  return {
    url: server.url,
    folder: own,
    stop: async () => {
      await server.stop();
      await rm(own, { recursive: true, force: true });
    },
  };
}

/** Process id of the postmaster, by PostgreSQL's own lock file, in the data folder of a system. */
export async function postmasterOf(folder: string): Promise<number> {
  const text = await readFile(join(folder, 'postgres', 'data', 'postmaster.pid'), 'utf8');
  return Number(text.split('\n')[0]);
}

/** SIGKILL: no word to anybody, recovery at the next start. SIGQUIT: PostgreSQL's immediate shutdown. */
export async function endServer(folder: string, signal: 'SIGKILL' | 'SIGQUIT'): Promise<void> {
  process.kill(await postmasterOf(folder), signal);
}

/** Stops the postmaster and every backend in their tracks; answers with what lets them go on. */
export async function hangServer(folder: string): Promise<() => void> {
  const postmaster = await postmasterOf(folder);
  const stopped = [postmaster];
  process.kill(postmaster, 'SIGSTOP');
  // The postmaster stands: no more children come.
  for (const child of await childrenOf(postmaster)) {
    stopped.push(child);
    process.kill(child, 'SIGSTOP');
  }
  return () => {
    for (const pid of stopped.toReversed()) process.kill(pid, 'SIGCONT');
  };
}

/** proc(5): the parent is the second field behind the command name in parentheses. */
async function childrenOf(parent: number): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    try {
      const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent;
    } catch {
      return false;
    }
  });
}
