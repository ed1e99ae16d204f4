import { afterEach } from '@jest/globals';
import { EventStoreDBClient } from '@eventstore/db-client';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import {
  startStandIn,
  type StandIn,
  type StandInOptions,
} from '@daybook/test/fakes/event-store-db/server.ts';
import { eventStoreDb, type EventStoreDbOptions } from './event-store-db.ts';

type At = Readonly<{ url: string }>;

/** Stand-ins for EventStoreDB, and who uses them, for the tests of a suite. */
export type StandIns = Readonly<{
  started(options?: StandInOptions): Promise<StandIn>;
  open(at: At, limits?: Omit<EventStoreDbOptions, 'url' | 'name'>): EventStore;
  client(at: At): EventStoreDBClient;
  /** Closes something else with them. */
  closing(close: () => Promise<unknown>): void;
}>;

/** All is closed after each test, the last one first. */
export function standIns(): StandIns {
  const closers: (() => Promise<unknown>)[] = [];
  const closing: StandIns['closing'] = (close) => void closers.push(close);
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });
  return {
    started: async (options) => {
      const standIn = await startStandIn(options);
      closing(() => standIn.stop());
      return standIn;
    },
    open: ({ url }, limits) => {
      const store = eventStoreDb({ url, name: 'test', ...limits });
      closing(() => store.close());
      return store;
    },
    client: ({ url }) => {
      const own = EventStoreDBClient.connectionString(url);
      closing(() => own.dispose());
      return own;
    },
    closing,
  };
}
