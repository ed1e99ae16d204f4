/**
 * Runs one bar: `npm run bench -- p1 [--pairs 7] [--seed 42] [--write]`. The last line is one JSON object; the exit
 * code is 1 below the gate. `--write` keeps the result in `docs/reference/performance.md`.
 */
import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openDatabase } from '@daybook/infra/database/database.ts';
import { startEmbeddedPostgres } from '@daybook/infra/database/embedded.ts';
import type { Bar } from './bar.ts';
import { alternate, rounded, type ContestResult } from './measure.ts';
import { recordPerformance } from './performance-page.ts';
import { profiled, profilingSettings } from './profile.ts';
import { loadPeer, peerFolder } from './peer.ts';
import { makeDatabases } from './bench-database.ts';
import { silentLog } from '../support/silent-log.ts';

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    pairs: { type: 'string' },
    seed: { type: 'string' },
    write: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
  },
});
const name = (positionals[0] ?? '').toLowerCase();
const file = join(import.meta.dirname, `${name}.ts`);
if (!/^p\d+$/.test(name) || !existsSync(file)) {
  print(`There is no bar "${name}". Usage: npm run bench -- p1 [--pairs 7] [--seed 42] [--write]`);
  process.exit(2);
}
const { bar } = (await import(file)) as { bar: Bar };
process.exitCode = (await run(bar)) ? 0 : 1;

async function run(bar: Bar): Promise<boolean> {
  const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
  const asked = values.pairs === undefined ? (bar.pairs ?? 5) : Number(values.pairs);
  // Fewer than five pairs are for a quick look and never for the page.
  const pairs = values.write ? Math.max(5, asked) : asked;
  const folder = await mkdtemp(join(tmpdir(), 'daybook-bench-'));
  const server = await startEmbeddedPostgres({
    folder: join(folder, 'postgres'),
    log: silentLog,
    ...(values.profile ? { settings: profilingSettings } : {}),
  });
  const databases = makeDatabases(server.url);
  try {
    print(`${bar.name}: ${bar.title}`);
    const machine = describeMachine();
    print(`machine: ${machine}; ${await describeServer(server.url)}; seed ${String(seed)}`);
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
    try {
      const results: ContestResult[] = [];
      for (const contest of prepared.contests) {
        print(`${contest.subject.name} against ${contest.anchor?.name ?? 'its limit'}`);
        const result = await alternate(
          values.profile ? profiled(contest, server.url, print) : contest,
          pairs,
          print,
        );
        print(`  ${describe(result)}`);
        results.push(result);
      }
      return await conclude(bar, results, machine);
    } finally {
      await prepared.close();
    }
  } finally {
    await databases.close();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function conclude(bar: Bar, results: readonly ContestResult[], machine: string): Promise<boolean> {
  const [first, ...others] = results;
  if (first === undefined) throw new Error(`${bar.name} has no contest.`);
  const nearest = others.reduce((a, b) => (margin(b) < margin(a) ? b : a), first);
  const met = results.every(({ verdict }) => verdict !== 'missed');
  const { ratio, gate, goal, subject, anchor, pairs } = nearest;
  if (values.write) {
    await recordPerformance(bar, results, machine);
    print('kept in docs/reference/performance.md');
  }
  print(
    JSON.stringify({
      bar: bar.name,
      ratio,
      gate,
      goal,
      met,
      subject,
      anchor,
      pairs,
      machine,
      ...(results.length > 1 ? { contests: results } : {}),
    }),
  );
  return met;
}

/** How far a result is above its gate; below 1 it is missed. */
function margin({ verdict, ratio, gate, better }: ContestResult): number {
  if (verdict === 'missed') return 0;
  return better === 'lower' ? gate / ratio : ratio / gate;
}

function describe({ ratio, gate, goal, p99Ms, subject, verdict }: ContestResult): string {
  const latency =
    p99Ms === undefined
      ? ''
      : `; p99 ${rounded(subject.p99Ms ?? NaN)} ms (gate ${String(p99Ms.gate)}, goal ${String(p99Ms.goal)})`;
  const word = { goal: 'goal reached', gate: 'at gate', missed: 'BELOW GATE' }[verdict];
  return `ratio ${rounded(ratio)} (gate ${String(gate)}, goal ${String(goal)})${latency}: ${word}`;
}

function describeMachine(): string {
  const [first] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${String(cpus().length)} × ${first?.model.trim() ?? 'unknown CPU'}, ${String(memory)} GiB, ${process.platform}, Node ${process.versions.node}`;
}

async function describeServer(url: string): Promise<string> {
  const database = openDatabase({ url, poolSize: 1, log: silentLog });
  try {
    const { rows } = await database.pool.query<{ name: string; setting: string }>(
      `select name, current_setting(name) as setting from pg_settings
        where name in ('server_version', 'fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'max_wal_size')`,
    );
    return `PostgreSQL: ${rows.map(({ name: setting, setting: value }) => `${setting}=${value}`).join(' ')}`;
  } finally {
    await database.close();
  }
}
