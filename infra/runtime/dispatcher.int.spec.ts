import { describe, expect, test } from '@jest/globals';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { OutMessage } from '@daybook/kernel/ports/topics.ts';
import type { Effect } from '@daybook/kernel/process.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { memoryWakeups } from '../database/wakeups.ts';
import { onFailpoint } from '../failpoints/failpoint.ts';
import { accepted, dispatchers, noting } from './dispatcher.fixture.ts';
import { reportedCommandId } from './derived-ids.ts';
import { closedEffects } from './closed-effects.fixture.ts';
import { reviveEffect, untilNextEffect } from './outbox.ts';
import { longAgo, send } from './process.fixture.ts';

const { database, wakeups, start, ask, left } = dispatchers();

function die(): never {
  throw new Error('killed');
}

/** Whoever holds an effect is taken for dead. */
async function expireLeases(): Promise<void> {
  await database().pool.query('update runtime.effects set leased_until = now() where lease is not null');
}

const call = (effect: string, input = {}): Effect => ({ kind: 'call', effect, input });

describe('the dispatcher', () => {
  test('sends commands under their effect’s id and forgets them', async () => {
    const { sent, sender } = noting();
    start({ sender });
    await ask(['1', [send('Greet', { hello: 1 })]]);
    await eventually(async () => expect(await left()).toEqual([]));
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({
      command: 'Greet',
      input: { hello: 1 },
      delivery: {
        tenantId: 'a',
        actor: { kind: 'process', id: 'testOrders' },
        correlationId: 'correlation-0',
      },
    });
  });

  test('keeps the order within an instance, whatever else is going on', async () => {
    const { sent, sender } = noting(async () => {
      await new Promise(setImmediate);
      return accepted;
    });
    const steps = (order: string) =>
      [order, Array.from({ length: 30 }, (_, index) => send('Step', { order, index }))] as const;
    await ask(...Array.from({ length: 12 }, (_, index) => steps(`order ${String(index)}`)));
    start({ sender, concurrency: 5 });
    start({ sender, concurrency: 5 });
    await eventually(async () => expect(await left()).toEqual([]));
    expect(sent).toHaveLength(12 * 30);
    const seen = new Map<unknown, number>();
    for (const { input } of sent as { input: { order: string; index: number } }[]) {
      expect(input.index).toBe(seen.get(input.order) ?? 0);
      seen.set(input.order, input.index + 1);
    }
  });

  test('publishes messages with the effect’s id, key and metadata', async () => {
    const published: [string, readonly OutMessage[]][] = [];
    start({
      topics: {
        publish: (topic, messages) => {
          published.push([topic, messages]);
          return Promise.resolve();
        },
      },
    });
    const message = { type: 'ScrapeRequested', data: { url: 'https://shop.example' } };
    await ask(['1', [{ kind: 'publish', topic: 'requests', key: 'shop.example', message }]]);
    await eventually(async () => expect(await left()).toEqual([]));
    const [[topic, [out]]] = published as [[string, [OutMessage]]];
    expect(topic).toBe('requests');
    expect(out.key).toBe('shop.example');
    expect(out.headers).toMatchObject({
      ce_type: 'ScrapeRequested',
      ce_tenantid: 'a',
      ce_schemaversion: '7',
      ce_actor: 'process:testOrders',
    });
    expect(out.headers['ce_id']).toBe(out.headers['ce_commandid']);
  });

  test('calls handlers, which report back under ids of their own', async () => {
    const { sent, sender } = noting();
    const contexts: { effectId: string; attempt: number }[] = [];
    start({
      sender,
      effects: {
        mail: async (input, context) => {
          contexts.push(context);
          await context.send({ command: 'Mailed', input });
          if (context.attempt === 1) {
            throw new DaybookError('outside-failed', 'The server is busy.', { retry: 'later' });
          }
        },
      },
    });
    await ask(['1', [call('mail', { to: 'x' })]]);
    await eventually(async () => expect(await left()).toEqual([]));
    const [first] = contexts;
    expect(contexts.map(({ effectId, attempt }) => [effectId, attempt])).toEqual([
      [first?.effectId, 1],
      [first?.effectId, 2],
    ]);
    const commandId = reportedCommandId(String(first?.effectId), 0);
    expect(sent.map(({ delivery }) => [delivery.commandId, delivery.causationId])).toEqual([
      [commandId, first?.effectId],
      [commandId, first?.effectId],
    ]);
  });

  test('what follows a failure in its instance waits, other instances go on', async () => {
    let broken = true;
    const order: string[] = [];
    const { sender } = noting(({ command }) => {
      order.push(command);
      if (command === 'A1' && broken) throw new DaybookError('unavailable', 'Away.', { retry: 'later' });
      return accepted;
    });
    start({ sender });
    await ask(['a', [send('A1', {}), send('A2', {})]], ['b', [send('B1', {}), send('B2', {})]]);
    await eventually(() => expect(order.filter((command) => command === 'A1').length).toBeGreaterThan(2));
    expect(order).not.toContain('A2');
    expect(order).toContain('B2');
    broken = false;
    await eventually(async () => expect(await left()).toEqual([]));
    expect(order.at(-1)).toBe('A2');
  });

  test('what comes behind a failed effect is not looked for before that is due', async () => {
    let attempts = 0;
    start({
      backOff: { firstMs: 600_000, mostMs: 600_000 },
      effects: {
        broken: () => {
          attempts += 1;
          return Promise.reject(new Error('away'));
        },
      },
    });
    await ask(['1', [call('broken')]]);
    await eventually(async () => expect(await left()).toEqual([{ status: 'pending', attempts: 1 }]));
    await database().pool.query(
      `insert into runtime.effects (id, process, tenant_id, instance_id, effect, metadata)
       select gen_random_uuid(), process, tenant_id, instance_id, effect, metadata from runtime.effects`,
    );
    expect(await untilNextEffect(database().pool, ['testOrders'])).toBeGreaterThan(200_000);
    expect(attempts).toBe(1);
  });

  test('a refused command is an outcome: kept with its reason, not repeated', async () => {
    const rejection = { code: 'too-late', detail: 'It is over.' };
    const { sent, sender } = noting(({ command }) =>
      command === 'No' ? { ok: false, rejection } : accepted,
    );
    start({ sender });
    await ask(['1', [send('No', {}), send('Next', {})]]);
    await eventually(() => expect(sent.map(({ command }) => command)).toEqual(['No', 'Next']));
    await eventually(async () => expect(await left()).toEqual([{ status: 'rejected', attempts: 1 }]));
    expect(await closedEffects(database().pool, 'rejected', 10)).toMatchObject([
      { process: 'testOrders', reason: 'too-late: It is over.' },
    ]);
  });

  test('gives up after so many attempts, at once where repeating cannot help, and tries again when told to', async () => {
    let works = false;
    const attempts: string[] = [];
    start({
      mostAttempts: 3,
      effects: {
        flaky: async () => {
          attempts.push('flaky');
          if (!works) throw new Error('no luck');
        },
        impossible: async () => {
          attempts.push('impossible');
          throw new DaybookError('outside-failed', 'Gone for good.', { retry: 'never' });
        },
      },
    });
    await ask(['1', [call('flaky')]], ['2', [call('impossible')]], ['3', [call('nowhere')]]);
    await eventually(async () =>
      expect((await left()).map(({ status }) => status)).toEqual(['dead', 'dead', 'dead']),
    );
    expect(attempts.toSorted()).toEqual(['flaky', 'flaky', 'flaky', 'impossible']);
    const dead = await closedEffects(database().pool, 'dead', 10);
    expect(dead.map(({ reason }) => reason).toSorted()).toEqual([
      'configuration-invalid: No handler has the name of the effect.',
      expect.stringMatching(/^failed: Error: no luck \(dispatcher.int.spec.ts:\d+\)$/),
      'outside-failed: Gone for good.',
    ]);
    works = true;
    const flaky = dead.find(({ reason }) => reason.startsWith('failed: Error: no luck'));
    const { seq = 0, closedAt = '' } = flaky ?? {};
    expect(await reviveEffect(database(), { seq, closedAt: longAgo })).toBe(false);
    expect(await reviveEffect(database(), { seq, closedAt })).toBe(true);
    wakeups.notify('outbox');
    await eventually(async () => expect(await left()).toHaveLength(2));
  });

  test('an attempt that takes too long is repeated', async () => {
    let calls = 0;
    start({
      attemptMs: 30,
      effects: {
        slow: (_, { signal }) => {
          calls += 1;
          return calls > 1
            ? Promise.resolve()
            : new Promise((resolve) => {
                signal.addEventListener('abort', () => setTimeout(resolve, 1));
              });
        },
      },
    });
    await ask(['1', [call('slow')]]);
    await eventually(async () => expect(await left()).toEqual([]));
    expect(calls).toBe(2);
  });

  test.each(['leased', 'done'] as const)(
    'a death after %s repeats the effect under its id',
    async (deadly) => {
      const { sent, sender } = noting();
      const revive = onFailpoint(`dispatcher.${deadly}`, { does: die });
      const dies = start({ sender });
      await ask(['1', [send('Greet', {})]]);
      await eventually(async () => {
        const { rows } = await database().pool.query('select from runtime.effects where lease is not null');
        expect(rows).toHaveLength(1);
      });
      await dies();
      revive();
      await expireLeases();
      start({ sender });
      await eventually(async () => expect(await left()).toEqual([]));
      expect(new Set(sent.map(({ delivery }) => delivery.commandId)).size).toBe(1);
      expect(sent.length).toBe(deadly === 'leased' ? 1 : 2);
    },
  );

  test('a death after settled goes on behind what was settled', async () => {
    const { sent, sender } = noting();
    const revive = onFailpoint('dispatcher.settled', { nth: 1, does: die });
    const dies = start({ sender });
    await ask(['1', [send('First', {}), send('Second', {})]]);
    await eventually(async () => expect(await left()).toHaveLength(1));
    await dies();
    revive();
    await expireLeases();
    start({ sender });
    await eventually(async () => expect(await left()).toEqual([]));
    expect(sent.map(({ command }) => command)).toEqual(['First', 'Second']);
  });

  test('does what it was not signalled about', async () => {
    const { sent, sender } = noting();
    start({ sender, wakeups: memoryWakeups() });
    await ask(['1', [send('Greet', {})]]);
    await eventually(() => expect(sent).toHaveLength(1));
  });

  test('one that was slower than its lease records nothing', async () => {
    let release: (() => void) | undefined;
    const rejection = { code: 'late', detail: 'Late.' };
    const disarm = onFailpoint('dispatcher.done', {
      nth: 1,
      does: () => new Promise<void>((resolve) => (release = resolve)),
    });
    const stopSlow = start({ sender: noting(() => ({ ok: false, rejection })).sender });
    await ask(['1', [send('Greet', {})]]);
    await eventually(() => expect(release).toBeDefined());
    const stale = stopSlow();
    await expireLeases();
    const quick = noting();
    start({ sender: quick.sender });
    await eventually(() => expect(quick.sent).toHaveLength(1));
    release?.();
    await stale;
    disarm();
    await eventually(async () => expect(await left()).toEqual([]));
  });
});
