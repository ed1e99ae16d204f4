import type { PreparedCommand } from '@daybook/kernel/command.ts';
import {
  beginning,
  type NewEvent,
  type Position,
  type RecordedEvent,
  type Revision,
} from '@daybook/kernel/event.ts';
import type { Appended, EventStore, NonEmpty, Pages } from '@daybook/kernel/ports/event-store.ts';

/** What an earlier delivery of the same command recorded, and the stream as it was just after. */
export type EarlierDelivery = Readonly<{
  events: readonly RecordedEvent[];
  state: unknown;
  revision: Revision;
  position: Position;
}>;

/** A stream folded for one command. */
export type StreamState = Readonly<{
  /** That of the stream's events; absent for a stream without events. */
  tenantId?: string;
  state: unknown;
  /** -1 for a stream without events. */
  revision: Revision;
  position: Position;
  /** Id of the event at `revision`; absent for a stream without events. */
  eventId?: string;
  earlier?: EarlierDelivery;
}>;

/**
 * Loads and folds a stream: its state is that of the log at some moment after the call, and what an earlier delivery of
 * the command recorded is found however long ago that was.
 */
export type LoadStream = (prepared: PreparedCommand, commandId: string) => Promise<StreamState>;

/** A state that is likely to be the stream's. What is decided on it counts only once an append confirmed it. */
export type RecentState = Readonly<{ tenantId: string; state: unknown; revision: Revision }>;

/** What a command recorded behind a state of its stream. */
export type RecordedBehind = Readonly<{
  tenantId: string;
  /** Revision of the state the command was decided on. */
  before: Revision;
  /** As they were decided. */
  events: NonEmpty<NewEvent>;
  appended: Appended;
}>;

/** Where the command bus has the states of streams from. */
export type StreamStates = Readonly<{
  load: LoadStream;
  /** A state kept from before, without asking the log. */
  recent(prepared: PreparedCommand): RecentState | undefined;
  /** Tells what was recorded, so that it need not be read. */
  recorded(prepared: PreparedCommand, what: RecordedBehind): void;
  /** Tells that a state from `recent` is not the stream's any more. */
  outdated(prepared: PreparedCommand): void;
  /** Waits for what is under way off the path of commands. Idempotent. */
  close(): Promise<void>;
}>;

/** Folds every stream from its beginning, for every command; keeps nothing. */
export function foldedStates(eventStore: EventStore): StreamStates {
  return {
    load: async (prepared, commandId) => {
      const folding = startFolding(prepared, commandId);
      await foldPages(folding, eventStore.read(prepared.stream));
      return folding.reached();
    },
    recent: () => undefined,
    recorded: () => undefined,
    outdated: () => undefined,
    close: () => Promise.resolve(),
  };
}

/** A fold under way: memory stays flat however long the stream is. */
export type Folding = Readonly<{
  add(event: RecordedEvent): void;
  reached(): StreamState;
}>;

/** Begins a fold at the beginning of the stream, or behind a state of it. */
export function startFolding(prepared: PreparedCommand, commandId: string, from?: StreamState): Folding {
  let tenantId = from?.tenantId;
  let state = from === undefined ? prepared.initialState() : from.state;
  let revision = from?.revision ?? -1;
  let position = from?.position ?? beginning;
  let eventId = from?.eventId;
  let earlier: EarlierDelivery | undefined;
  return {
    add: (event) => {
      tenantId ??= event.metadata.tenantId;
      state = prepared.evolve(state, event);
      ({ revision, position, id: eventId } = event);
      if (event.metadata.commandId === commandId) {
        earlier = { events: [...(earlier?.events ?? []), event], state, revision, position };
      }
    },
    reached: () => ({
      ...(tenantId === undefined ? {} : { tenantId }),
      state,
      revision,
      position,
      ...(eventId === undefined ? {} : { eventId }),
      ...(earlier === undefined ? {} : { earlier }),
    }),
  };
}

/** Folds pages of a stream. Answers with the number of events. */
export async function foldPages(folding: Folding, pages: Pages): Promise<number> {
  let count = 0;
  for await (const page of pages) {
    for (const event of page) folding.add(event);
    count += page.length;
  }
  return count;
}
