/** Says where the time of a subject goes: a CPU profile of this process, and the server's statements by time. */
import { Session } from 'node:inspector/promises';
import pg from 'pg';
import type { Contest, Sample } from './measure.ts';

/** What the server needs to be started with. */
export const profilingSettings: Readonly<Record<string, string>> = {
  shared_preload_libraries: 'pg_stat_statements',
  'pg_stat_statements.track': 'all',
};

const functionsShown = 25;
const statementsShown = 12;

type Profile = Awaited<ReturnType<Session['post']>> & {
  profile: {
    nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
    samples?: number[];
    timeDeltas?: number[];
  };
};

/** The contest with its subject's runs profiled; each prints its findings. */
export function profiled(contest: Contest, serverUrl: string, print: (line: string) => void): Contest {
  const run = async (): Promise<Sample> => {
    const client = new pg.Client({ connectionString: serverUrl });
    await client.connect();
    await client.query('create extension if not exists pg_stat_statements');
    await client.query('select pg_stat_statements_reset()');
    const session = new Session();
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: 500 });
    await session.post('Profiler.start');
    const start = performance.now();
    try {
      return await contest.subject.run();
    } finally {
      const tookMs = performance.now() - start;
      const { profile } = (await session.post('Profiler.stop')) as unknown as Profile;
      session.disconnect();
      print(`    process, ${tookMs.toFixed(0)} ms in all`);
      for (const line of functionsOf(profile)) print(`    ${line}`);
      for (const line of await statementsOf(client)) print(`    ${line}`);
      await client.end();
    }
  };
  return { ...contest, subject: { ...contest.subject, run } };
}

function functionsOf({ nodes, samples = [], timeDeltas = [] }: Profile['profile']): readonly string[] {
  const names = new Map(
    nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => [
      id,
      `${functionName === '' ? '(anonymous)' : functionName} ${shortened(url)}:${String(lineNumber + 1)}`,
    ]),
  );
  const times = new Map<string, number>();
  let total = 0;
  for (const [index, node] of samples.entries()) {
    const micros = timeDeltas[index] ?? 0;
    const name = names.get(node) ?? '';
    times.set(name, (times.get(name) ?? 0) + micros);
    total += micros;
  }
  return [...times]
    .sort(([, a], [, b]) => b - a)
    .slice(0, functionsShown)
    .map(([name, micros]) => `${((micros / total) * 100).toFixed(1).padStart(5)} %  ${name}`);
}

function shortened(url: string): string {
  return url.replace(/^file:\/\//, '').replace(/^.*\/node_modules\//, '');
}

async function statementsOf(client: pg.Client): Promise<readonly string[]> {
  const { rows } = await client.query<{ query: string; calls: string; ms: number; toplevel: boolean }>(
    `select query, calls, total_exec_time as ms, toplevel from pg_stat_statements
      where dbid <> (select oid from pg_database where datname = current_database())
      order by total_exec_time desc limit $1`,
    [statementsShown],
  );
  return rows.map(
    ({ query, calls, ms, toplevel }) =>
      `${ms.toFixed(0).padStart(6)} ms ${calls.padStart(6)} calls ${toplevel ? '     ' : 'inner'} ${query.replaceAll(/\s+/g, ' ').slice(0, 90)}`,
  );
}
