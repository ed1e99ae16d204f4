import { describe, expect, test } from '@jest/globals';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { closedEffects } from './closed-effects.fixture.ts';
import { accepted, dispatchers, noting } from './dispatcher.fixture.ts';
import { leaseEffects, reviveEffect, settleEffects, skipEffect, untilNextEffect } from './outbox.ts';
import { send } from './process.fixture.ts';

const { database, wakeups, start, ask, left } = dispatchers();

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
      const found = await closedEffects(database().pool, 'dead', 10);
      expect(found).toHaveLength(2);
      return found;
    });
    await ask(['a', [send('A3', {})]]);
    // C was asked for, and is perhaps not noted as done yet.
    await eventually(async () => expect(await untilNextEffect(database().pool, ['testOrders'])).toBeNull());
    const of = (instance: string) => dead.find(({ instanceId }) => instanceId === instance) ?? never();
    broken = false;
    expect(await reviveEffect(database(), of('a'))).toBe(true);
    expect(await skipEffect(database(), of('b'))).toBe(true);
    expect(await skipEffect(database(), of('b'))).toBe(false);
    wakeups.notify('outbox');
    await eventually(async () => expect(await left()).toEqual([]));
    expect(order.filter((command) => command.startsWith('A'))).toEqual(['A1', 'A1', 'A2', 'A3']);
    expect(order.filter((command) => command.startsWith('B'))).toEqual(['B1', 'B2']);
  });

  test('a retry waits for what another has in hand of the instance', async () => {
    await ask(['1', [send('One', {}), send('Two', {})]]);
    const [first, second] = await leaseEffects(database().pool, {
      processes: ['testOrders'],
      instances: 1,
      mostOfInstance: 2,
      leaseMs: 60_000,
    });
    await settleEffects(database().pool, [
      { seq: first?.seq ?? 0, lease: first?.lease ?? '', outcome: { is: 'dead', reason: 'gone' } },
    ]);
    const [dead] = await closedEffects(database().pool, 'dead', 1);
    expect(await reviveEffect(database(), dead ?? never())).toBe(true);
    expect(
      await leaseEffects(database().pool, {
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
    expect(await closedEffects(database().pool, 'dead', 1)).toEqual([]);
  });
});
