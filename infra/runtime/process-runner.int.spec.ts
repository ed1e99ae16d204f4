import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { beginning, type RecordedEvent } from '@daybook/kernel/event.ts';
import { done } from '@daybook/kernel/ports/topics.ts';
import { inPartition, jsonCodec } from '@daybook/test/support/json-codec.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { ensureCheckpoints, processConsumer, readCheckpoint } from './checkpoints.ts';
import { onFailpoint } from '../failpoints/failpoint.ts';
import { effectIdOf } from './derived-ids.ts';
import { makeProcessRunner } from './process-runner.ts';
import { counting, farOff, logOf, longAgo, orders, paid, placed } from './process.fixture.ts';
import { reviveTimer, skipTimer, untilNextTimer } from './process-store.ts';
import { fireDueTimers } from './timers.ts';

let opened: Awaited<ReturnType<typeof freshDatabase>>;
beforeEach(async () => {
  opened = await freshDatabase();
  await ensureCheckpoints(opened.database.pool, processConsumer(orders), 1, beginning);
});
afterEach(() => opened.drop());

/** Steps of a runner, in order. */
const steps = ['read', 'fenced', 'written', 'committed', 'notified'] as const;

function die(): never {
  throw new Error('killed');
}

function runner(notified: string[] = [], process = orders) {
  return makeProcessRunner({
    process,
    codec: jsonCodec,
    database: opened.database,
    wakeups: { notify: (channel) => notified.push(channel) },
    log: silentLog,
  });
}

function batch(events: readonly RecordedEvent[]) {
  return {
    topic: 'events',
    partition: 0,
    messages: events.map((event, offset) => inPartition(jsonCodec.encode(event), 0, offset)),
  };
}

function timersOf() {
  return {
    processes: [orders],
    database: opened.database,
    wakeups: { notify: () => undefined } as never,
    log: silentLog,
  };
}

const rows = async (text: string) => (await opened.database.pool.query<Record<string, unknown>>(text)).rows;
const effects = () =>
  rows(`select instance_id as instance, effect->'call'->>'command' as command, effect->'call'->'input' as input
        from runtime.effects order by seq`);
const states = () =>
  rows(
    `select tenant_id as tenant, instance_id as instance, state from runtime.process_instances order by 1, 2`,
  );
const timers = () => rows(`select instance_id as instance, due_at as due from runtime.timers order by 1`);

describe('a process runner', () => {
  test('commits states, timers, effects and the checkpoint together', async () => {
    const notified: string[] = [];
    const log = logOf(placed('1'), placed('2'), paid('1', 4), paid('2', 12), paid('unknown', 1));
    expect(await runner(notified).handle(batch(log))).toEqual(done);
    expect(await states()).toEqual([
      { tenant: 'a', instance: '1', state: { dueAt: farOff, paid: 4, reminders: 0 } },
    ]);
    expect(await timers()).toEqual([]);
    expect((await effects()).map(({ command }) => command)).toEqual(['Greet', 'Greet', 'Thank']);
    expect((await readCheckpoint(opened.database.pool, processConsumer(orders), 0)).position).toBe(
      log[4]?.position,
    );
    expect(notified).toEqual(['outbox']);
  });

  test('effects carry who, why and for whom', async () => {
    await runner().handle(batch(logOf(placed('1'))));
    const id = effectIdOf('testOrders', 'a', 'input-0', 1);
    expect(await rows('select id, metadata from runtime.effects')).toEqual([
      {
        id,
        metadata: {
          tenantId: 'a',
          actor: { kind: 'process', id: 'testOrders' },
          commandId: id,
          correlationId: 'correlation-0',
          causationId: 'input-0',
          steps: [{ kind: 'event', name: 'Placed', ref: expect.any(String), at: expect.any(String) }],
        },
      },
    ]);
  });

  test.each(steps)('a death after %s neither loses nor doubles', async (step) => {
    const log = logOf(placed('1'), paid('1', 4), paid('1', 3));
    const revive = onFailpoint(`process.${step}`, { does: die });
    expect((await runner().handle(batch(log))).do).toMatch(/retry|pause/);
    revive();
    expect(await runner().handle(batch(log))).toEqual(done);
    expect(await states()).toMatchObject([{ state: { paid: 7 } }]);
    expect(await effects()).toHaveLength(1);
  });

  test('of two members with one partition only one takes the inputs in', async () => {
    const log = logOf(placed('1'), paid('1', 4));
    const [one, other] = [runner(), runner()];
    await one.handle(batch(log.slice(0, 1)));
    await other.handle(batch(log.slice(0, 1)));
    await Promise.all([one.handle(batch(log)), other.handle(batch(log))]);
    expect(await states()).toMatchObject([{ state: { paid: 4 } }]);
    expect(await effects()).toHaveLength(1);
  });

  test('tenants with the same instance id do not meet', async () => {
    await runner().handle(batch(logOf(placed('1'), placed('1', farOff, undefined, 'b'), paid('1', 3, 'b'))));
    expect(await states()).toMatchObject([
      { tenant: 'a', state: { paid: 0 } },
      { tenant: 'b', state: { paid: 3 } },
    ]);
  });

  test('a start begins anew and forgets the timers of before', async () => {
    await runner().handle(batch(logOf(placed('1', longAgo), paid('1', 4))));
    await runner().handle(batch(logOf(placed('1', longAgo), paid('1', 4), placed('1', farOff))));
    expect(await states()).toMatchObject([{ state: { paid: 0 } }]);
    expect(await timers()).toEqual([{ instance: '1', due: farOff }]);
  });

  test('an input whose reaction throws is parked, what came before it is in', async () => {
    const log = logOf(placed('1'), paid('1', 4), paid('1', -1), placed('2', farOff, undefined, 'b'));
    expect(await runner().handle(batch(log))).toMatchObject({ do: 'park', index: 2 });
    expect(await states()).toMatchObject([{ instance: '1', state: { paid: 4 } }]);
  });

  test('a schedule that is none is the process’s fault', async () => {
    const effect = {
      kind: 'wake',
      timer: 't',
      when: { cron: 'never ever', timeZone: 'UTC', spreadMs: 0 },
    } as const;
    const log = logOf(placed('1', farOff, [effect]));
    expect(await runner().handle(batch(log))).toMatchObject({ do: 'park', index: 0 });
  });

  test('takes events from the store itself, once', async () => {
    const log = logOf(placed('1'), paid('1', 4));
    await runner().takeStored(0, log);
    await runner().takeStored(0, log);
    await runner().handle(batch(log));
    expect(await states()).toMatchObject([{ state: { paid: 4 } }]);
  });
});

describe('a process on another topic', () => {
  async function messages(...ids: string[]) {
    const said = ids.map((id, offset) =>
      jsonCodec
        .encodeMessage({
          id,
          type: 'Counted',
          data: { counter: 'c' },
          metadata: {
            schemaVersion: 1,
            tenantId: 'a',
            actor: { kind: 'system', id: 's' },
            commandId: id,
            correlationId: id,
          },
          recordedAt: longAgo,
          key: 'a',
          source: '/test',
        })
        .then((message) => inPartition(message, 0, offset)),
    );
    return { topic: 'test.counts.v1', partition: 0, messages: await Promise.all(said) };
  }

  test('takes each message id in once, whatever the order of delivery', async () => {
    const { handle } = runner([], counting);
    await handle(await messages('1', '2', '2'));
    await handle(await messages('2', '3', '1'));
    await runner([], counting).handle(await messages('1', '2', '3', '4'));
    expect(await states()).toEqual([{ tenant: 'a', instance: 'c', state: 4 }]);
    expect(await effects()).toHaveLength(4);
  });

  test.each(steps)('a death after %s neither loses nor doubles', async (step) => {
    const revive = onFailpoint(`process.${step}`, { does: die });
    expect((await runner([], counting).handle(await messages('1', '2'))).do).toMatch(/retry|pause/);
    revive();
    expect(await runner([], counting).handle(await messages('1', '2'))).toEqual(done);
    expect(await states()).toEqual([{ tenant: 'a', instance: 'c', state: 2 }]);
  });

  test('an unreadable message is parked, those before it are in', async () => {
    const { messages: list, ...rest } = await messages('1', '2');
    const broken = { ...(list[1] as (typeof list)[0]), value: Buffer.from('{') };
    const { handle } = runner([], counting);
    expect(await handle({ ...rest, messages: [...list.slice(0, 1), broken] })).toMatchObject({
      do: 'park',
      index: 1,
    });
    expect(await states()).toMatchObject([{ state: 1 }]);
  });

  test.each([
    [
      orders,
      () => batch(logOf(placed('1'), placed('2'), placed('3'))),
      [{ instance: '1' }, { instance: '3' }],
    ],
    [counting, () => messages('1', '2', '3'), [{ instance: 'c', state: 2 }]],
  ])('an unreadable message is passed over where the process says so', async (process, from, expected) => {
    const { messages: list, ...rest } = await from();
    const broken = list.map((message, n) =>
      n === 1 ? { ...message, headers: {}, value: Buffer.from('{') } : message,
    );
    const { handle } = runner([], { ...process, unreadable: 'pass' });
    expect(await handle({ ...rest, messages: broken })).toEqual(done);
    expect(await states()).toMatchObject(expected);
  });
});

describe('timers', () => {
  test('fire when due, are set again, and end with their instance', async () => {
    await runner().handle(batch(logOf(placed('1', longAgo), placed('2', farOff))));
    expect(await fireDueTimers(timersOf())).toBe(1);
    expect(await fireDueTimers(timersOf())).toBe(1);
    expect(await fireDueTimers(timersOf())).toBe(0);
    expect((await effects()).filter(({ command }) => command === 'Remind')).toEqual([
      { instance: '1', command: 'Remind', input: { reminders: 1 } },
      { instance: '1', command: 'Remind', input: { reminders: 2 } },
    ]);
    expect((await states()).map(({ instance }) => instance)).toEqual(['2']);
    expect(await timers()).toEqual([{ instance: '2', due: farOff }]);
  });

  test('loops side by side fire each timer once', async () => {
    const count = 300;
    const log = logOf(...Array.from({ length: count }, (_, index) => placed(String(index), longAgo)));
    await runner().handle(batch(log));
    const fired: number[] = [];
    const loop = async (): Promise<void> => {
      for (let idle = 0; idle < 5;) {
        const now = await fireDueTimers({ ...timersOf(), maxBatch: 20 });
        fired.push(now);
        idle = now === 0 ? idle + 1 : 0;
      }
    };
    await Promise.all([loop(), loop(), loop(), loop()]);
    expect(fired.reduce((a, b) => a + b)).toBe(2 * count);
    const reminders = await rows(
      `select count(*), count(distinct id) as ids from runtime.effects where effect->'call'->>'command' = 'Remind'`,
    );
    expect(reminders).toEqual([{ count: 2 * count, ids: 2 * count }]);
  });

  test.each(['claimed', 'written', 'committed'] as const)(
    'a death after %s neither loses nor doubles, and the input id stays',
    async (step) => {
      await runner().handle(batch(logOf(placed('1', longAgo))));
      const [before] = await rows('select input_id from runtime.timers');
      const revive = onFailpoint(`timers.${step}`, { does: die });
      await expect(fireDueTimers(timersOf())).rejects.toThrow('killed');
      revive();
      if (step !== 'committed') await fireDueTimers(timersOf());
      const reminders = (await effects()).filter(({ command }) => command === 'Remind');
      expect(reminders).toEqual([{ instance: '1', command: 'Remind', input: { reminders: 1 } }]);
      expect(
        await rows(`select metadata->>'causationId' as cause from runtime.effects order by seq desc limit 1`),
      ).toEqual([{ cause: before?.['input_id'] }]);
    },
  );

  test('one whose reaction throws is parked, the later ones of its instance wait behind it, no other does', async () => {
    const throwing = {
      ...orders,
      react: (...[input, state]: Parameters<typeof orders.react>) => {
        if (input.type === 'TimerDue' && (state as { paid: number }).paid === 1) throw new Error('a bug');
        return orders.react(input, state);
      },
    };
    const log = logOf(placed('1', longAgo), placed('2', longAgo), placed('3', longAgo));
    await runner([], { ...orders, react: throwing.react }).handle(batch(log));
    await opened.database.pool.query(
      `update runtime.process_instances set state = jsonb_set(state, '{paid}', '1') where instance_id = '1'`,
    );
    await opened.database.pool.query(
      `insert into runtime.timers (process, tenant_id, instance_id, timer, due_at, fire_at, input_id, metadata)
       select process, tenant_id, instance_id, 'another', due_at + interval '1 day', fire_at + interval '1 day',
         'another of 1', metadata from runtime.timers where instance_id = '1'`,
    );
    const options = { ...timersOf(), processes: [throwing] };
    const drained = async (of: Parameters<typeof fireDueTimers>[0]): Promise<number> => {
      let fired = 0;
      for (let now = 1; now > 0; fired += now) now = await fireDueTimers(of);
      return fired;
    };
    // Two instances twice each, and the one that is parked.
    expect(await drained(options)).toBe(5);
    expect(await untilNextTimer(opened.database.pool, [orders.name])).toBeNull();
    const [parked, waiting] = await rows(
      'select timer, attempts, reason, input_id as "inputId", failed_at as "failedAt" from runtime.timers order by due_at',
    );
    expect(parked).toMatchObject({
      timer: 'reminder',
      attempts: 1,
      reason: expect.stringMatching(/^handler-throws: The process throws Error: a bug \(.+:\d+\)\.$/),
    });
    expect(waiting).toMatchObject({ timer: 'another', attempts: 0, reason: null });
    const which = { inputId: String(parked?.['inputId']), failedAt: String(parked?.['failedAt']) };
    expect(await reviveTimer(opened.database.pool, { ...which, failedAt: longAgo })).toBe(false);
    expect(await reviveTimer(opened.database.pool, which)).toBe(true);
    expect(await reviveTimer(opened.database.pool, which)).toBe(false);
    expect(await drained(options)).toBe(1);
    expect(await rows('select attempts from runtime.timers order by due_at')).toMatchObject([
      { attempts: 2 },
      { attempts: 0 },
    ]);
    const [again] = await rows('select failed_at as "failedAt" from runtime.timers where reason is not null');
    expect(await skipTimer(opened.database.pool, { ...which, failedAt: String(again?.['failedAt']) })).toBe(
      true,
    );
    expect(await fireDueTimers(timersOf())).toBe(1);
  });
});
