/** Command buses with kept states, for specs, and what they ask of the log. */
import type { RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore, Pages } from '@daybook/kernel/ports/event-store.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { makeCommandBus, type CommandBus } from './command-bus.ts';
import { open, openWithSlug, reserve, spend, transfer } from './command-bus.fixture.ts';
import { keptStates } from './kept-states.ts';
import type { Snapshots } from './snapshots.ts';
import type { KeptState, StateCacheLimits } from './state-cache.ts';

/** What was asked of a store since the last call of `taken`. */
export type Asked = Readonly<{ reads: number; events: number; finds: number; appends: number }>;

/** A store that counts what is asked of it. */
export function countingStore(store: EventStore): EventStore & Readonly<{ taken(): Asked }> {
  let asked = { reads: 0, events: 0, finds: 0, appends: 0 };
  async function* counted(pages: Pages): AsyncGenerator<readonly RecordedEvent[]> {
    for await (const page of pages) {
      asked.events += page.length;
      yield page;
    }
  }
  return {
    ...store,
    read: (...read) => {
      asked.reads += 1;
      return counted(store.read(...read));
    },
    find: (...find) => {
      asked.finds += 1;
      return store.find(...find);
    },
    append: (...append) => {
      asked.appends += 1;
      return store.append(...append);
    },
    taken: () => {
      const taken = asked;
      asked = { reads: 0, events: 0, finds: 0, appends: 0 };
      return taken;
    },
  };
}

/** A bus, as of one process. */
export function keepingBus(
  eventStore: EventStore,
  options: Readonly<{
    limits?: StateCacheLimits;
    snapshots?: Snapshots;
    now?: () => string;
    log?: Log;
    keeps?: boolean;
  }> = {},
): CommandBus {
  const { log = silentLog, now = () => '2026-01-01T00:00:00.000Z', limits, snapshots } = options;
  const states = keptStates({
    eventStore,
    sealedFields: () => [],
    log,
    ...(limits === undefined ? {} : { limits }),
    ...(snapshots === undefined ? {} : { snapshots }),
  });
  return makeCommandBus({
    commands: [open, spend, transfer, reserve, openWithSlug],
    eventStore,
    schemaVersion: () => 1,
    clock: { now },
    log,
    maxTries: 60,
    ...(options.keeps === false ? {} : { states }),
  });
}

/** Snapshots in memory that several processes may share; states go through JSON as in the database. */
export function memorySnapshots(everyEvents: number, kept = new Map<string, string>()): Snapshots {
  return {
    everyEvents,
    find: ({ stream }) => {
      const text = kept.get(stream);
      return Promise.resolve(text === undefined ? undefined : (JSON.parse(text) as KeptState));
    },
    write: ({ stream }, state) => kept.set(stream, JSON.stringify(state)),
    drop: ({ stream }) => kept.delete(stream),
    close: () => Promise.resolve(),
  };
}
