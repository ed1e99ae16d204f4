import { afterEach, beforeEach } from '@jest/globals';
import type { CommandDelivery, CommandResult, CommandSender } from '@daybook/kernel/ports/outside.ts';
import type { Effect } from '@daybook/kernel/process.ts';
import { jsonCodec } from '@daybook/test/support/json-codec.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import type { Database } from '../database/database.ts';
import { memoryWakeups, type Wakeups } from '../database/wakeups.ts';
import { runDispatcher, type RunDispatcherOptions } from './dispatcher.ts';
import { stepAll } from './process-step.ts';
import { lockInstances, writeProcessChanges } from './process-store.ts';
import { farOff, logOf, orders, placed } from './process.fixture.ts';

export const accepted: CommandResult = {
  ok: true,
  streamId: '1',
  revision: 0,
  position: '1',
  answer: null,
};

type Sent = { command: string; input: unknown; delivery: CommandDelivery };

/** A sender that notes what it is sent. */
export function noting(
  answer: (sent: Sent) => CommandResult | Promise<CommandResult> = () => accepted,
): Readonly<{ sent: Sent[]; sender: CommandSender }> {
  const sent: Sent[] = [];
  const sender: CommandSender = {
    send: async ({ command, input }, delivery) => {
      sent.push({ command, input, delivery });
      return await answer({ command, input, delivery });
    },
  };
  return { sent, sender };
}

type Dispatchers = Readonly<{
  database: () => Database;
  wakeups: Wakeups;
  /** Starts one; the answer stops it. */
  start(options: Partial<RunDispatcherOptions>): () => Promise<void>;
  /** Lets orders ask for effects, as the runner would. */
  ask(...wanted: readonly (readonly [order: string, effects: Effect[]])[]): Promise<void>;
  /** The effects that are not done, in their order. */
  left(): Promise<readonly { status: string; attempts: number }[]>;
}>;

/** Dispatchers on a database of their own for each test, stopped at its end. */
export function dispatchers(): Dispatchers {
  let opened: Awaited<ReturnType<typeof freshDatabase>>;
  let stops: (() => Promise<void>)[] = [];
  beforeEach(async () => {
    opened = await freshDatabase();
  });
  afterEach(async () => {
    await Promise.all(stops.map((stop) => stop()));
    stops = [];
    await opened.drop();
  });
  const wakeups = memoryWakeups();

  function start(options: Partial<RunDispatcherOptions>): () => Promise<void> {
    const stopping = new AbortController();
    const running = runDispatcher({
      processes: [orders],
      database: opened.database,
      wakeups,
      sender: noting().sender,
      topics: { publish: () => Promise.resolve() },
      codec: jsonCodec,
      effects: {},
      schemaVersion: () => 7,
      log: silentLog,
      backOff: { firstMs: 20, mostMs: 40 },
      pollMs: 50,
      ...options,
      signal: stopping.signal,
    });
    const stop = async (): Promise<void> => {
      stopping.abort();
      await running;
    };
    stops.push(stop);
    return stop;
  }

  async function ask(...wanted: readonly (readonly [order: string, effects: Effect[]])[]): Promise<void> {
    const log = logOf(...wanted.map(([order, effects]) => placed(order, farOff, effects)));
    const inputs = log.map((input, index) => ({
      input: { ...input, id: `${input.id} ${wanted[index]?.[0] ?? ''}` },
      tenantId: 'a',
      instanceId: wanted[index]?.[0] ?? '',
      to: 'start' as const,
    }));
    await opened.database.transaction(async (client) => {
      const { states } = await lockInstances(client, orders.name, inputs);
      await writeProcessChanges(client, orders.name, stepAll(orders, inputs, states, farOff));
    });
    wakeups.notify('outbox');
  }

  const left = async () =>
    (
      await opened.database.pool.query<{ status: string; attempts: number }>(
        'select status, attempts from runtime.effects order by seq',
      )
    ).rows;

  return {
    database: () => opened.database,
    wakeups,
    start,
    ask,
    left,
  };
}
