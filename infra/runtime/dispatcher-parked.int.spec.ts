import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { CommandDelivery, CommandResult, CommandSender } from '@daybook/kernel/ports/outside.ts';
import type { Effect } from '@daybook/kernel/process.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { jsonCodec } from '@daybook/test/support/json-codec.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { memoryWakeups } from '../database/wakeups.ts';
import { closedEffects } from './closed-effects.fixture.ts';
import { runDispatcher, type RunDispatcherOptions } from './dispatcher.ts';
import { leaseEffects, reviveEffect, settleEffects, skipEffect, untilNextEffect } from './outbox.ts';
import { stepAll } from './process-step.ts';
import { lockInstances, writeProcessChanges } from './process-store.ts';
import { farOff, logOf, orders, placed, send } from './process.fixture.ts';

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

const accepted: CommandResult = { ok: true, streamId: '1', revision: 0, position: '1', answer: null };
type Sent = { command: string; input: unknown; delivery: CommandDelivery };

/** A sender that notes what it is sent. */
function noting(answer: (sent: Sent) => CommandResult | Promise<CommandResult> = () => accepted) {
  const sent: Sent[] = [];
  const sender: CommandSender = {
    send: async ({ command, input }, delivery) => {
      sent.push({ command, input, delivery });
      return await answer({ command, input, delivery });
    },
  };
  return { sent, sender };
}

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

/** Lets orders ask for effects, as the runner would. */
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

function never(): never {
  throw new Error('There is none.');
}

describe('an effect that is parked', () => {
  test('what is parked keeps what follows it in its instance waiting, in order, until it is retried or skipped', async () => {
    let broken = true;
    const order: string[] = [];
    const { sender } = noting(({ command }) => {
      order.push(command);
      if (command.endsWith('1') && broken) throw new DaybookError('schema-unknown', 'Of no schema.');
      return accepted;
    });
    start({ sender });
    await ask(['a', [send('A1', {}), send('A2', {})]], ['b', [send('B1', {}), send('B2', {})]]);
    await ask(['c', [send('C', {})]]);
    await eventually(() => expect(order.toSorted()).toEqual(['A1', 'B1', 'C']));
    const dead = await eventually(async () => {
      const found = await closedEffects(opened.database.pool, 'dead', 10);
      expect(found).toHaveLength(2);
      return found;
    });
    await ask(['a', [send('A3', {})]]);
    // C was asked for, and is perhaps not noted as done yet.
    await eventually(async () =>
      expect(await untilNextEffect(opened.database.pool, ['testOrders'])).toBeNull(),
    );
    const of = (instance: string) => dead.find(({ instanceId }) => instanceId === instance) ?? never();
    broken = false;
    expect(await reviveEffect(opened.database, of('a'))).toBe(true);
    expect(await skipEffect(opened.database, of('b'))).toBe(true);
    expect(await skipEffect(opened.database, of('b'))).toBe(false);
    wakeups.notify('outbox');
    await eventually(async () => expect(await left()).toEqual([]));
    expect(order.filter((command) => command.startsWith('A'))).toEqual(['A1', 'A1', 'A2', 'A3']);
    expect(order.filter((command) => command.startsWith('B'))).toEqual(['B1', 'B2']);
  });

  test('a retry waits for what another has in hand of the instance', async () => {
    await ask(['1', [send('One', {}), send('Two', {})]]);
    const [first, second] = await leaseEffects(opened.database.pool, {
      processes: ['testOrders'],
      instances: 1,
      mostOfInstance: 2,
      leaseMs: 60_000,
    });
    await settleEffects(opened.database.pool, [
      { seq: first?.seq ?? 0, lease: first?.lease ?? '', outcome: { is: 'dead', reason: 'gone' } },
    ]);
    const [dead] = await closedEffects(opened.database.pool, 'dead', 1);
    expect(await reviveEffect(opened.database, dead ?? never())).toBe(true);
    expect(
      await leaseEffects(opened.database.pool, {
        processes: ['testOrders'],
        instances: 5,
        mostOfInstance: 5,
        leaseMs: 60_000,
      }),
    ).toEqual([]);
    expect(second?.seq).toBeGreaterThan(first?.seq ?? 0);
  });

  test('an engine that refuses for good is no effect’s fault: nothing is parked', async () => {
    let attempts = 0;
    const { sender } = noting(() => {
      attempts += 1;
      throw new DaybookError('unavailable', 'A table is missing.');
    });
    start({ sender, mostAttempts: 2 });
    await ask(['1', [send('One', {})]]);
    await eventually(() => expect(attempts).toBeGreaterThan(4));
    expect(await closedEffects(opened.database.pool, 'dead', 1)).toEqual([]);
  });
});
