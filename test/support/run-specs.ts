/**
 * Runs given – when – then data through the real thing: deciders through the command bus on event stores in memory and on
 * PostgreSQL, projections through the projector, processes through the process runner and the timer loop.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { memoryWakeups } from '@daybook/infra/database/wakeups.ts';
import { memoryEventStore } from '@daybook/infra/event-store/memory.ts';
import { postgresEventStore } from '@daybook/infra/event-store/postgres.ts';
import {
  ensureCheckpoints,
  processConsumer,
  projectionConsumer,
  type Consumer,
} from '@daybook/infra/runtime/checkpoints.ts';
import { makeCommandBus } from '@daybook/infra/runtime/command-bus.ts';
import { makeProcessRunner } from '@daybook/infra/runtime/process-runner.ts';
import { makeProjector } from '@daybook/infra/runtime/projector.ts';
import { ensureReadModel } from '@daybook/infra/runtime/read-models.ts';
import { sqlColumns, tableName } from '@daybook/infra/runtime/sql-names.ts';
import { fireDueTimers } from '@daybook/infra/runtime/timers.ts';
import { defineCommand } from '@daybook/kernel/command.ts';
import type { Decider, Rejection } from '@daybook/kernel/decider.ts';
import {
  beginning,
  type Event,
  type NewEvent,
  type RecordedEvent,
  type StreamName,
} from '@daybook/kernel/event.ts';
import type { EventStore, NonEmpty } from '@daybook/kernel/ports/event-store.ts';
import { done } from '@daybook/kernel/ports/topics.ts';
import type { AnyProcess, Effect } from '@daybook/kernel/process.ts';
import type { AnyProjection, Row } from '@daybook/kernel/projection.ts';
import type { Schema } from '@daybook/kernel/schema.ts';
import {
  canonical,
  recorded,
  type DeciderSpec,
  type Given,
  type ProcessSpec,
  type ProjectionSpec,
  type Timer,
} from '@daybook/kernel/specification.ts';
import { inPartition, jsonCodec } from './json-codec.ts';
import { freshDatabase } from './postgres.ts';
import { silentLog } from './silent-log.ts';

const anything: Schema<object> = {
  '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as object }) },
};

const specDelivery = {
  tenantId: 'spec-tenant',
  actor: { kind: 'system', id: 'spec' },
  correlationId: 'spec-correlation',
} as const;

type Fresh = Awaited<ReturnType<typeof freshDatabase>>;

/** Every spec of a decider, through the command bus, on each event store; the same delivery again changes nothing. */
export function deciderThroughStores<C, E extends Event, S, R extends Rejection>(
  decider: Decider<C, E, S, R>,
  specs: readonly DeciderSpec<C, E, R>[],
): void {
  let fresh: Fresh;
  const stores: Record<string, () => EventStore> = {
    memory: () => memoryEventStore(),
    postgres: () =>
      postgresEventStore({ database: fresh.database, wakeups: memoryWakeups(), log: silentLog }),
  };

  describe(`${decider.category}, through stores`, () => {
    beforeAll(async () => {
      fresh = await freshDatabase();
    });
    afterAll(() => fresh.drop());

    describe.each(Object.keys(stores))('%s', (name) => {
      let store: EventStore;
      beforeAll(() => {
        store = (stores[name] as () => EventStore)();
      });
      afterAll(() => store.close());

      test.each(specs.map((spec, index) => ({ ...spec, index })))('$name', async (spec) => {
        const id = `spec-${String(spec.index)}`;
        const stream: StreamName = `${decider.category}-${id}`;
        await record(store, stream, spec.given);
        const command = defineCommand({
          name: 'Spec',
          summary: '',
          access: 'internal',
          method: 'POST',
          status: 200,
          input: anything,
          output: anything,
          decider,
          streamId: () => id,
          command: () => spec.when,
          answer: ({ events }) => events.map(({ type }) => type),
        });
        const { execute } = makeCommandBus({
          commands: [command],
          eventStore: store,
          schemaVersion: () => 1,
          clock: { now: () => '2026-01-01T00:00:00.000Z' },
          log: silentLog,
        });
        const delivery = { ...specDelivery, commandId: `${stream} command` };
        const result = await execute(command, {}, delivery);
        const added = async () => (await dataOf(store, stream)).slice(spec.given.length);
        if (spec.then !== 'nothing' && 'rejected' in spec.then) {
          expect(result).toMatchObject({ ok: false, rejection: { code: spec.then.rejected } });
          expect(await added()).toEqual([]);
          return;
        }
        const expected = spec.then === 'nothing' ? [] : spec.then;
        expect(result).toMatchObject({ ok: true, answer: expected.map(({ type }) => type) });
        expect(canonical(await added())).toBe(canonical(expected));
        if (expected.length === 0) return;
        expect(await execute(command, {}, delivery)).toEqual(result);
        expect(await added()).toHaveLength(expected.length);
      });
    });
  });
}

async function record(store: EventStore, stream: StreamName, events: readonly Event[]): Promise<void> {
  if (events.length === 0) return;
  const metadata = { ...specDelivery, schemaVersion: 1, commandId: 'given' };
  // Event ids are unique over streams.
  const all = events.map(({ type, data }) => ({ type, data, id: crypto.randomUUID(), metadata }));
  await store.append(stream, 'no-stream', all as unknown as NonEmpty<NewEvent>);
}

async function dataOf(store: EventStore, stream: StreamName): Promise<readonly Event[]> {
  const events: Event[] = [];
  for await (const page of store.read(stream)) events.push(...page.map(({ type, data }) => ({ type, data })));
  return events;
}

/**
 * Every spec of a projection, through the projector on PostgreSQL, in batches of random sizes, each delivered to one
 * member and then to another.
 */
export function projectionThroughProjector(
  projection: AnyProjection,
  specs: readonly ProjectionSpec[],
  options: { runs?: number } = {},
): void {
  const consumer = projectionConsumer(projection);
  let fresh: Fresh;
  let partition = -1;

  const project = async (
    events: readonly RecordedEvent[],
    sizes: readonly number[],
  ): Promise<readonly Row[]> => {
    partition += 1;
    const { pool } = fresh.database;
    await pool.query(`truncate ${tableName(projection)}`);
    await ensureCheckpoints(pool, consumer, partition + 1, beginning);
    const messages = events.map((event, offset) => inPartition(jsonCodec.encode(event), partition, offset));
    for (let at = 0, batch = 0; at < messages.length; batch += 1) {
      const size = sizes[batch % sizes.length] ?? 1;
      for (let member = 0; member < 2; member += 1) {
        const { handle } = makeProjector({
          projection,
          codec: jsonCodec,
          database: fresh.database,
          wakeups: memoryWakeups(),
          log: silentLog,
        });
        const verdict = await handle({ topic: 'events', partition, messages: messages.slice(at, at + size) });
        expect(verdict).toEqual(done);
      }
      at += size;
    }
    return storedRows(fresh, projection);
  };

  describe(`${projection.name}, through the projector`, () => {
    beforeAll(async () => {
      fresh = await freshDatabase();
      await ensureReadModel(fresh.database, projection);
    });
    afterAll(() => fresh.drop());

    test.each(specs)('$name', async (spec) => {
      const sizes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 });
      await fc.assert(
        fc.asyncProperty(sizes, async (batches) => {
          expect(canonical(await project(recorded(spec.given), batches))).toBe(canonical(spec.then));
        }),
        { numRuns: options.runs ?? 3 },
      );
    });
  });
}

async function storedRows({ database }: Fresh, projection: AnyProjection): Promise<readonly Row[]> {
  const columns = sqlColumns(projection);
  const { rows } = await database.pool.query<Row>(
    `select ${columns.map(({ name, property }) => `${name} as "${property}"`).join(', ')} from ${tableName(projection)}`,
  );
  const keyed = rows.map((row): [string, Row] => [
    canonical(projection.table.key.map((property) => row[property])),
    row,
  ]);
  return keyed.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
}

/** Every spec of a process, through the process runner and the timer loop on PostgreSQL, each input delivered twice. */
export function processThroughRunner(process: AnyProcess, specs: readonly ProcessSpec[]): void {
  const consumer: Consumer = processConsumer(process);
  let fresh: Fresh;
  let partition = -1;

  /** Takes one input in; answers with the effects that leave the process. */
  const take = async (item: Given | Timer, index: number): Promise<readonly Effect[]> => {
    const { pool } = fresh.database;
    await pool.query('truncate runtime.effects, runtime.process_inputs');
    if ('timer' in item) await fire(item);
    else await deliver(item, index);
    const { rows } = await pool.query<{ effect: Effect }>('select effect from runtime.effects order by seq');
    return rows.map(({ effect }) => effect);
  };

  const fire = async ({ timer, at }: Timer): Promise<void> => {
    const { pool } = fresh.database;
    await pool.query(
      `insert into runtime.timers (process, tenant_id, instance_id, timer, due_at, fire_at, input_id, metadata)
       select process, tenant_id, instance_id, $1, $2, 'epoch', $3, $4 from runtime.process_instances
       on conflict (process, tenant_id, instance_id, timer) do update set due_at = $2, fire_at = 'epoch', input_id = $3`,
      [timer, at, `timer-${timer}-${at}`, { ...specDelivery, commandId: 'spec-command' }],
    );
    const timers = {
      processes: [process],
      database: fresh.database,
      wakeups: memoryWakeups(),
      log: silentLog,
    };
    await fireDueTimers(timers);
  };

  const deliver = async (given: Given, index: number): Promise<void> => {
    const [first] = recorded([given]);
    if (first === undefined) return;
    const event = { ...first, position: String(index + 1).padStart(20, '0') as RecordedEvent['position'] };
    const message = inPartition(jsonCodec.encode(event), partition, index);
    for (let member = 0; member < 2; member += 1) {
      const { handle } = makeProcessRunner({
        process,
        codec: jsonCodec,
        database: fresh.database,
        wakeups: memoryWakeups(),
        log: silentLog,
      });
      expect(await handle({ topic: 'any', partition, messages: [message] })).toEqual(done);
    }
  };

  describe(`${process.name}, through the process runner`, () => {
    beforeAll(async () => {
      fresh = await freshDatabase();
    });
    afterAll(() => fresh.drop());

    test.each(specs)('$name', async ({ given, when, then }) => {
      partition += 1;
      const { pool } = fresh.database;
      await pool.query('truncate runtime.process_instances, runtime.timers');
      await ensureCheckpoints(pool, consumer, partition + 1, beginning);
      for (const [index, item] of given.entries()) await take(item, index);
      const effects = await take(when, given.length);
      expect(canonical(effects)).toBe(canonical(then.filter(leavesTheProcess)));
      const { rows } = await pool.query<{ timer: string; due_at: string }>(
        'select timer, due_at from runtime.timers',
      );
      const finished = then.some(({ kind }) => kind === 'finish');
      for (const effect of then) {
        if (effect.kind === 'cancelWake') expect(rows.map(({ timer }) => timer)).not.toContain(effect.timer);
        if (effect.kind !== 'wake' || finished) continue;
        expect(rows).toContainEqual({
          timer: effect.timer,
          due_at: 'at' in effect.when ? effect.when.at : expect.any(String),
        });
      }
      if (finished) expect(rows).toEqual([]);
    });
  });
}

function leavesTheProcess({ kind }: Effect): boolean {
  return kind === 'send' || kind === 'publish' || kind === 'call';
}
