import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { memoryWakeups } from '@daybook/infra/database/wakeups.ts';
import type { Database } from '@daybook/infra/database/database.ts';
import { makeMessageCodec } from '@daybook/infra/registry/codec.ts';
import { postgresSchemaRegistry } from '@daybook/infra/registry/postgres.ts';
import { postgresTopics } from '@daybook/infra/topics/postgres-topics.ts';
import { beginning } from '@daybook/kernel/event.ts';
import type { OutMessage } from '@daybook/kernel/ports/topics.ts';
import { topicContracts } from '@daybook/schemas/contracts.ts';
import { silentLog } from '../support/silent-log.ts';
import type { Bar } from './bar.ts';
import { makeBacklog, makeLog } from './make-rows.ts';
import type { Sample } from './measure.ts';
import type { Weighed } from './p22-consumer.ts';
import { sampleEvent } from './sample-events.ts';

const many = 10_000_000;
const few = 10_000;
const perStream = 10_000;
const forMs = 20_000;
/** As the platform's own start has it. */
const execArgv = ['--max-semi-space-size=16'];

export const bar: Bar = {
  name: 'p22',
  title: `Most memory of a process that consumes for ${String(forMs / 1_000)} s, ${String(many)} behind and ${String(few)} behind: a projector that reads the log, a member of a group that reads a topic. The near one begins anew until the time is over: one that takes in ${String(few)} and rests has not filled its heap once, and says nothing of the backlog.`,
  prepare: async (bench) => {
    const far = await bench.database();
    const near = await bench.database();
    await makeLog(far, many, perStream, bench.print);
    await makeLog(near, few, perStream, bench.print);
    for (const database of [far, near]) await ensureTopics(database);
    await makeBacklog(far, 'backlog', await sampleMessage(far), many, bench.print);
    await makeBacklog(near, 'backlog', await sampleMessage(near), few, bench.print);
    const contest = (what: string, source: string) => ({
      subject: {
        name: `${what}, ${String(many)} behind`,
        unit: 'MiB',
        run: () => weigh(far, source, many, bench.print),
      },
      anchor: {
        name: `${String(few)} behind, again and again for as long`,
        unit: 'MiB',
        run: () => weigh(near, source, few, bench.print),
      },
      gate: 1.3,
      goal: 1.1,
      better: 'lower' as const,
    });
    return {
      contests: [contest('a projector', 'log'), contest('a member of a group', 'backlog')],
      close: () => Promise.resolve(),
    };
  },
};

async function ensureTopics(database: Database): Promise<void> {
  const topics = postgresTopics({ database, wakeups: memoryWakeups(), log: silentLog });
  for (const { name, partitions } of topicContracts) await topics.ensure(name, { partitions });
  await topics.ensure('backlog', { partitions: 8 });
  await topics.close();
}

/** As the relay makes it; its schema is registered in the database. */
function sampleMessage(database: Database): Promise<OutMessage> {
  return makeMessageCodec({ registry: postgresSchemaRegistry(database) }).encodeEvent({
    ...sampleEvent(),
    stream: `product-${randomUUID()}`,
    revision: 7,
    position: beginning,
    recordedAt: '2026-01-01T06:00:00.000Z',
  });
}

let consumers = 0;

async function weigh(
  database: Database,
  source: string,
  total: number,
  print: (line: string) => void,
): Promise<Sample> {
  consumers += 1;
  const name = `consumer${String(consumers)}`;
  const child = fork(
    join(import.meta.dirname, 'p22-consumer.ts'),
    [database.url, source, name, String(forMs), String(total)],
    { execArgv, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
  );
  const exit = once(child, 'exit');
  const weighed = await Promise.race([
    once(child, 'message').then(([message]) => message as Weighed),
    exit.then(() => null),
  ]);
  await exit;
  if (weighed === null) throw new Error('The consumer ended early.');
  print(`    ${String(weighed.events)} read`);
  return { figure: weighed.megabytes };
}
