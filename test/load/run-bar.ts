import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '@daybook/infra/database/database.ts';
import { startEmbeddedPostgres } from '@daybook/infra/database/embedded.ts';
import { silentLog } from '../support/silent-log.ts';
import type { Bar } from './bar.ts';
import { makeDatabases } from './bench-database.ts';
import { alternate, rounded, type ContestResult } from './measure.ts';
import { loadPeer, peerFolder } from './peer.ts';
import type { BarRecord } from './performance-page.ts';
import { profiled, profilingSettings } from './profile.ts';

export type RunBarOptions = Readonly<{
  pairs: number;
  seed: number;
  /** Says where the time of the subject goes. */
  profile: boolean;
  print: (line: string) => void;
}>;

/** Runs a bar on a PostgreSQL of its own, which is removed afterwards. */
export async function runBar(bar: Bar, options: RunBarOptions): Promise<BarRecord> {
  const { pairs, seed, profile, print } = options;
  const loadBefore = loadavg()[0] ?? NaN;
  const folder = await mkdtemp(join(tmpdir(), 'daybook-bench-'));
  const server = await startEmbeddedPostgres({
    folder: join(folder, 'postgres'),
    log: silentLog,
    ...(profile ? { settings: profilingSettings } : {}),
  });
  const databases = makeDatabases(server.url);
  try {
    print(`${bar.name}: ${bar.title}`);
    const machine = describeMachine();
    const settings = await describeServer(server.url);
    print(
      `machine: ${machine}; PostgreSQL: ${settings}; load ${loadBefore.toFixed(1)}; seed ${String(seed)}`,
    );
    const prepared = await bar.prepare({
      serverUrl: server.url,
      database: databases.migrated,
      emptyDatabase: databases.empty,
      peer: (peer) => loadPeer(peer, print),
      peerFolder: (peer) => peerFolder(peer, print),
      folder,
      seed,
      print,
    });
    const results: ContestResult[] = [];
    try {
      for (const contest of prepared.contests) {
        const limit = contest.gate === undefined ? 'nothing' : 'its limit';
        print(`${contest.subject.name} against ${contest.anchor?.name ?? limit}`);
        const result = await alternate(
          profile ? profiled(contest, server.url, print) : contest,
          pairs,
          print,
        );
        print(`  ${describe(result)}`);
        results.push(result);
      }
    } finally {
      await prepared.close();
    }
    return {
      bar: bar.name,
      title: bar.title,
      results,
      machine,
      server: settings,
      load: [loadBefore, loadavg()[0] ?? NaN],
      seed,
      date: new Date().toISOString().slice(0, 10),
    };
  } finally {
    await databases.close();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function describe({ ratio, gate, goal, p99Ms, subject, anchor, verdict }: ContestResult): string {
  const latency =
    p99Ms === undefined
      ? ''
      : `; p99 ${rounded(subject.p99Ms ?? NaN)} ms (gate ${String(p99Ms.gate)}, goal ${String(p99Ms.goal)})`;
  if (gate === null) return `${anchor === null ? 'median' : 'ratio'} ${rounded(ratio)}${latency}: reported`;
  const word = { goal: 'goal reached', gate: 'at gate', missed: 'BELOW GATE', reported: 'reported' }[verdict];
  return `ratio ${rounded(ratio)} (gate ${String(gate)}, goal ${String(goal)})${latency}: ${word}`;
}

function describeMachine(): string {
  const [first] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${String(cpus().length)} × ${first?.model.trim() ?? 'unknown CPU'}, ${String(memory)} GiB, ${process.platform}, Node ${process.versions.node}`;
}

const shownSettings = [
  'server_version',
  'fsync',
  'synchronous_commit',
  'full_page_writes',
  'shared_buffers',
  'max_wal_size',
];

async function describeServer(url: string): Promise<string> {
  const database = openDatabase({ url, poolSize: 1, log: silentLog });
  try {
    const { rows } = await database.pool.query<{ name: string; setting: string }>(
      `select name, current_setting(name) as setting from unnest($1::text[]) name`,
      [shownSettings],
    );
    return rows.map(({ name, setting }) => `${name}=${setting}`).join(' ');
  } finally {
    await database.close();
  }
}
