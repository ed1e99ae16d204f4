import type { PreparedCommand } from '@daybook/kernel/command.ts';
import { beginning, type Position, type RecordedEvent, type Revision } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';

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
  earlier?: EarlierDelivery;
}>;

/** Loads and folds a stream. Whoever keeps recent states to read only what is new does it behind this type. */
export type LoadStream = (prepared: PreparedCommand, commandId: string) => Promise<StreamState>;

/** Folds a stream from its beginning, page by page, so that memory stays flat however long it is. */
export function foldFrom(eventStore: EventStore): LoadStream {
  return async (prepared, commandId) => {
    let tenantId: string | undefined;
    let state = prepared.initialState();
    let revision = -1;
    let position = beginning;
    let earlier: EarlierDelivery | undefined;
    for await (const page of eventStore.read(prepared.stream)) {
      for (const event of page) {
        tenantId ??= event.metadata.tenantId;
        state = prepared.evolve(state, event);
        ({ revision, position } = event);
        if (event.metadata.commandId === commandId) {
          earlier = { events: [...(earlier?.events ?? []), event], state, revision, position };
        }
      }
    }
    return {
      ...(tenantId === undefined ? {} : { tenantId }),
      state,
      revision,
      position,
      ...(earlier === undefined ? {} : { earlier }),
    };
  };
}
