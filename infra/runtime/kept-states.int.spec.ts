import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { CommandResult } from '@daybook/kernel/ports/outside.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { memoryWakeups } from '../database/wakeups.ts';
import { postgresEventStore } from '../event-store/postgres.ts';
import { eventsIn } from './command-bus.fixture.ts';
import type { Order } from './kept-states-process.fixture.ts';

let opened: Awaited<ReturnType<typeof freshDatabase>>;
let processes: ChildProcess[];

beforeEach(async () => {
  opened = await freshDatabase();
  processes = [1, 2].map(() =>
    fork(join(import.meta.dirname, 'kept-states-process.fixture.ts'), [opened.url], { execArgv: [] }),
  );
  await Promise.all(processes.map((each) => once(each, 'message')));
});
afterEach(async () => {
  await Promise.all(
    processes.map(async (each) => {
      const ended = once(each, 'exit');
      each.disconnect();
      await ended;
    }),
  );
  await opened.drop();
});

async function executed(process: ChildProcess, orders: readonly Order[]): Promise<CommandResult[]> {
  const answered = once(process, 'message');
  process.send(orders);
  const [answers] = (await answered) as [CommandResult[]];
  return answers;
}

const accounts = ['1', '2', '3'];

/** Of each command id one command: repeats are the same, in whichever process they come. */
const orders = fc.array(fc.nat(120), { minLength: 15, maxLength: 40 }).map((ids) =>
  ids.map((id): Order => ({
    commandId: `c${String(id)}`,
    account: accounts[id % 3] ?? '',
    opens: id < 3,
    amount: id < 3 ? 40 : 1 + (id % 4),
  })),
);

test('two processes with caches and snapshots record each command once, alike, and overdraw no account', async () => {
  const rounds = fc.sample(fc.tuple(orders, orders), { numRuns: 25, seed: 42 });
  const accepted = new Map<string, string>();
  for (const round of rounds) {
    await Promise.all(
      processes.map(async (process, p) => {
        const own = round[p] ?? [];
        const answers = await executed(process, own);
        own.forEach(({ commandId }, index) => {
          const answer = answers[index];
          if (answer?.ok !== true) return;
          const { revision, position, answer: told } = answer;
          const { balance } = told as { balance: number };
          const first = JSON.stringify({ revision, position, balance });
          expect(accepted.get(commandId) ?? first).toBe(first);
          accepted.set(commandId, first);
        });
      }),
    );
  }
  const store = postgresEventStore({ database: opened.database, wakeups: memoryWakeups(), log: silentLog });
  const recorded = new Map<string, string>();
  for (const account of accounts) {
    let balance = 0;
    for (const { type, data, metadata, revision, position } of await eventsIn(store, `account-${account}`)) {
      const { amount = 0 } = data as { amount?: number };
      balance += type === 'Debited' ? -amount : amount;
      expect(balance).toBeGreaterThanOrEqual(0);
      if (type === 'Debited') expect(recorded.has(metadata.commandId)).toBe(false);
      recorded.set(metadata.commandId, JSON.stringify({ revision, position, balance }));
    }
  }
  await store.close();
  expect(recorded).toEqual(accepted);
  const { rows } = await opened.database.pool.query('select from runtime.snapshots');
  expect(rows.length).toBeGreaterThan(0);
}, 60_000);
