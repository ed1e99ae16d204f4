/** A small read model with its log, its topic and its projectors, for tests of rebuilds. */
import { expect } from '@jest/globals';
import type { NewEvent, RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore, NonEmpty } from '@daybook/kernel/ports/event-store.ts';
import type { Topics } from '@daybook/kernel/ports/topics.ts';
import { defineProjection, type AnyProjection, type ColumnType } from '@daybook/kernel/projection.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { jsonCodec } from '@daybook/test/support/json-codec.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { memoryWakeups, type Wakeups } from '../../database/wakeups.ts';
import { memoryEventStore } from '../../event-store/memory.ts';
import { memoryTopics } from '../../topics/memory-topics.ts';
import { runProjector } from '../run-projector.ts';
import { rebuild, rollBack, type RebuildOptions, type RebuildReport } from './rebuild.ts';

type Happened = { type: 'Happened'; data: { thing: string; by: number; gone?: boolean; note?: string } };

/** How a thing is counted; what a mended projection does otherwise. */
export type Counting = Readonly<{
  version?: number;
  /** What an event counts. */
  each?: (by: number) => number;
  /** Another column. */
  note?: ColumnType;
  /** Events that it cannot take in. */
  throwsAt?: (thing: string) => boolean;
}>;

/** A row a thing: how often it happened, or no row once it is gone. */
export function things({ version = 1, each = (by) => by, note, throwsAt }: Counting = {}): AnyProjection {
  return defineProjection<
    Happened,
    { thing: string; times: number; last: string | null; note?: string | null },
    'thing'
  >({
    name: 'testThings',
    version,
    table: {
      columns: {
        thing: { type: 'text' },
        times: { type: 'integer' },
        last: { type: 'text', nullable: true },
        ...(note === undefined ? {} : { note: { type: note, nullable: true } }),
      },
      key: ['thing'],
    } as never,
    handles: ['Happened'],
    keys: ({ data }) => [{ thing: data.thing }],
    evolve: (row, { data, id }) => {
      if (throwsAt?.(data.thing) === true) throw new Error('No such thing.');
      if (data.gone === true) return null;
      return {
        thing: data.thing,
        times: (row?.times ?? 0) + each(data.by),
        last: data.note ?? id,
        ...(note === undefined ? {} : { note: data.thing }),
      };
    },
  });
}

export const topic = { name: 'test.events.v1', partitions: 3, retentionMs: 3_600_000 };
const tenants = ['a', 'b', 'c', 'd', 'e'];

export type House = Readonly<{
  opened: Awaited<ReturnType<typeof freshDatabase>>;
  store: EventStore;
  topics: Topics;
  wakeups: Wakeups;
  /** Records events, of all tenants in turn unless one is named, and publishes them. */
  happen: (events: number, more?: Partial<Happened['data']> & { tenantId?: string }) => Promise<void>;
  /** Starts a projector; several may run. */
  project: (projection?: AnyProjection) => Readonly<{
    stop: () => Promise<void>;
    ready: () => boolean;
    ended: Promise<void>;
  }>;
  rebuild: (
    projection?: AnyProjection,
    more?: Partial<RebuildOptions & { dryRun: boolean }>,
  ) => Promise<RebuildReport>;
  rollBack: (projection?: AnyProjection) => ReturnType<typeof rollBack>;
  /** What the view shows, in the order of its key. */
  shown: (relation?: string) => Promise<readonly Record<string, unknown>[]>;
  /** Rows as the log has them, by folding all of it. */
  folded: (projection?: AnyProjection) => Promise<readonly Record<string, unknown>[]>;
  /** Waits until the view, or a table, shows what the log has. */
  settled: (projection?: AnyProjection, relation?: string) => Promise<void>;
  /** Tables of the read model, in order. */
  tables: () => Promise<readonly string[]>;
  close: () => Promise<void>;
}>;

export async function openHouse(): Promise<House> {
  const opened = await freshDatabase();
  const store = memoryEventStore();
  const topics = memoryTopics({ pace: { leaseMs: 1_000, heartbeatMs: 250, idlePollMs: 50 } });
  const wakeups = memoryWakeups();
  await topics.ensure(topic.name, topic);
  const running: { stop: () => Promise<void> }[] = [];
  const published: RecordedEvent[] = [];
  let count = 0;

  const optionsOf = (projection: AnyProjection): RebuildOptions => ({
    projection,
    database: opened.database,
    eventStore: store,
    topics,
    wakeups,
    topic: topic.name,
    fingerprint: 'of these tests',
    owner: 'a test',
    share: 1,
    log: silentLog,
    signal: new AbortController().signal,
  });

  const house: House = {
    opened,
    store,
    topics,
    wakeups,
    happen: async (events, { tenantId, ...data } = {}) => {
      for (let index = 0; index < events; index += 1) {
        count += 1;
        const event: NewEvent = {
          type: 'Happened',
          data: { thing: `thing-${String(count % 7)}`, by: 1 + (count % 3), ...data },
          id: crypto.randomUUID(),
          metadata: {
            schemaVersion: 1,
            tenantId: tenantId ?? (tenants[count % tenants.length] as string),
            actor: { kind: 'system', id: 'test' },
            commandId: 'c',
            correlationId: 'c',
          },
        };
        await store.append(`thing-${String(count)}`, 'no-stream', [event] as NonEmpty<NewEvent>);
      }
      const after = published.at(-1)?.position;
      const fresh: RecordedEvent[] = [];
      for await (const page of store.readAll(after === undefined ? {} : { after })) fresh.push(...page);
      published.push(...fresh);
      await topics.publish(topic.name, fresh.map(jsonCodec.encode));
    },
    project: (projection = things()) => {
      let ready = false;
      const stopping = new AbortController();
      const done = runProjector({
        ...optionsOf(projection),
        codec: jsonCodec,
        topic,
        signal: stopping.signal,
        onReady: () => {
          ready = true;
        },
      });
      const one = {
        ready: () => ready,
        ended: done,
        stop: async () => {
          stopping.abort();
          await done;
        },
      };
      // A test that looks at the failure stops it itself.
      done.catch(() => undefined);
      running.push(one);
      return one;
    },
    rebuild: (projection = things(), more = {}) => rebuild({ ...optionsOf(projection), ...more }),
    rollBack: (projection = things()) => rollBack(optionsOf(projection)),
    shown: async (relation = 'read.test_things') => {
      const { rows } = await opened.database.pool.query<Record<string, unknown>>(
        `select * from ${relation} order by tenant_id, thing`,
      );
      return rows;
    },
    folded: async (projection = things()) => {
      const rows = new Map<string, Record<string, unknown> | null>();
      for await (const page of store.readAll()) {
        for (const event of page) {
          const { tenantId } = event.metadata;
          for (const key of projection.keys(event)) {
            const id = JSON.stringify([tenantId, key]);
            const before = rows.get(id) ?? null;
            const after = projection.evolve(before, event, key);
            rows.set(id, after === null ? null : { tenant_id: tenantId, ...after });
          }
        }
      }
      const textOf = (row: Record<string, unknown>): string =>
        `${String(row['tenant_id'])} ${String(row['thing'])}`;
      return [...rows.values()]
        .filter((row) => row !== null)
        .sort((one, other) => (textOf(one) < textOf(other) ? -1 : 1));
    },
    settled: (projection = things(), relation = 'read.test_things') =>
      eventually(
        async () => {
          expect(await house.shown(relation)).toEqual(await house.folded(projection));
        },
        {
          withinMs: 30_000,
        },
      ),
    tables: async () => {
      const { rows } = await opened.database.pool.query<{ tablename: string }>(
        `select tablename from pg_tables where schemaname = 'read' order by tablename`,
      );
      return rows.map(({ tablename }) => tablename);
    },
    close: async () => {
      await Promise.all(running.map(({ stop }) => stop().catch(() => undefined)));
      await topics.close();
      await store.close();
      await wakeups.close();
      await opened.drop();
    },
  };
  return house;
}
