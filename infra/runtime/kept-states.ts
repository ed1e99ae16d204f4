import type { PreparedCommand } from '@daybook/kernel/command.ts';
import type { Event, RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import { isSealed, type Log } from '@daybook/kernel/ports/outside.ts';
import { countStateLoad } from '../telemetry/metrics.ts';
import { eventIdOf } from './derived-ids.ts';
import type { Snapshots } from './snapshots.ts';
import { makeStateCache, type KeptState, type StateCacheLimits } from './state-cache.ts';
import {
  foldPages,
  startFolding,
  type EarlierDelivery,
  type Folding,
  type StreamState,
  type StreamStates,
} from './stream-state.ts';

export type KeptStatesOptions = Readonly<{
  eventStore: EventStore;
  /** The fields of a type that are sealed in the log. */
  sealedFields: (type: string) => readonly string[];
  log: Log;
  limits?: StateCacheLimits;
  /** Absent: long streams are folded from their beginning where nothing is kept. */
  snapshots?: Snapshots;
}>;

/**
 * States of streams, kept in this process and, of long streams, in snapshots. Both are hints:
 *
 * - A recent state serves a command that records something, whose append the log accepts only at that very revision.
 *   Whatever would be answered without an append (a refusal, a no-op, another expected revision), sent before it, or
 *   was recorded by an earlier delivery, is decided on a loaded state.
 * - To load is to read what came after the kept state, and the event the kept state ends with: where the log has another
 *   there, what is kept is dropped. An earlier delivery of the command is found by the id of its first event, however
 *   long ago it was.
 *
 * What a command records is folded behind the kept state in the form in which the log has it. Events with sealed fields
 * are read back instead, so that no state holds in the clear what the log holds sealed.
 */
export function keptStates(options: KeptStatesOptions): StreamStates {
  const { eventStore, sealedFields, log, snapshots } = options;
  const cache = makeStateCache(options.limits);

  async function load(prepared: PreparedCommand, commandId: string): Promise<StreamState> {
    const kept = cache.get(prepared);
    const newer = kept === undefined ? undefined : await behind(prepared, commandId, kept);
    if (newer !== undefined) {
      countStateLoad('newer');
      return newer;
    }
    cache.drop(prepared);
    countStateLoad('whole');
    return loadWhole(prepared, commandId);
  }

  /** What came after a kept state; undefined where it is no state of this log. */
  async function behind(
    prepared: PreparedCommand,
    commandId: string,
    kept: KeptState,
  ): Promise<StreamState | undefined> {
    const folding = guarded(startFolding(prepared, commandId, kept));
    const [fits, found] = await Promise.all([
      foldBehind(kept, folding, eventStore.read(prepared.stream, { from: kept.revision })),
      eventStore.find(prepared.stream, [eventIdOf(commandId, 0)]),
    ]);
    if (!fits) return undefined;
    const reached = folding.reached();
    keep(prepared, reached, folding, kept.snapshotRevision);
    return found.length === 0 || reached.earlier !== undefined
      ? reached
      : { ...reached, earlier: await earlierDelivery(prepared, commandId) };
  }

  async function loadWhole(prepared: PreparedCommand, commandId: string): Promise<StreamState> {
    const folding = guarded(startFolding(prepared, commandId));
    const { stream } = prepared;
    if (snapshots === undefined) {
      await foldPages(folding, eventStore.read(stream));
    } else {
      const limit = snapshots.everyEvents;
      const count = await foldPages(folding, eventStore.read(stream, { limit }));
      if (count === limit) {
        const later = await fromSnapshot(prepared, commandId, snapshots, folding.reached());
        if (later !== undefined) return later;
        await foldPages(folding, eventStore.read(stream, { from: limit }));
      }
    }
    const reached = folding.reached();
    keep(prepared, reached, folding, -1);
    return reached;
  }

  /** @param begun the stream's beginning, folded: what a snapshot has to be of the same tenant as, and later than */
  async function fromSnapshot(
    prepared: PreparedCommand,
    commandId: string,
    { find, drop }: Snapshots,
    begun: StreamState,
  ): Promise<StreamState | undefined> {
    const snapshot = await find(prepared);
    if (snapshot === undefined || snapshot.revision <= begun.revision) return undefined;
    const loaded =
      snapshot.tenantId === begun.tenantId ? await behind(prepared, commandId, snapshot) : undefined;
    if (loaded !== undefined) return loaded;
    log.warn('A snapshot does not fit the log and is dropped.', {
      category: prepared.stream.split('-', 1)[0],
      revision: snapshot.revision,
    });
    drop(prepared);
    return undefined;
  }

  /** What a command recorded long ago, with the state of that time: folded anew, since it is hardly ever asked for. */
  async function earlierDelivery(prepared: PreparedCommand, commandId: string): Promise<EarlierDelivery> {
    const folding = startFolding(prepared, commandId);
    for await (const page of eventStore.read(prepared.stream)) {
      for (const event of page) {
        if (event.metadata.commandId === commandId) folding.add(event);
        else {
          const { earlier } = folding.reached();
          if (earlier !== undefined) return earlier;
          folding.add(event);
        }
      }
    }
    const { earlier } = folding.reached();
    if (earlier === undefined) throw new TypeError('An event that was found by its id is not in its stream.');
    return earlier;
  }

  function keep(
    prepared: PreparedCommand,
    { state, tenantId, revision, position, eventId }: StreamState,
    { clear }: Guarded,
    snapshotRevision: number,
  ): void {
    if (tenantId === undefined || eventId === undefined || clear()) return;
    keepAt(prepared, { tenantId, state, revision, position, eventId, behind: false, snapshotRevision });
  }

  function keepAt(prepared: PreparedCommand, kept: KeptState): void {
    const due = snapshots !== undefined && kept.revision - kept.snapshotRevision >= snapshots.everyEvents;
    const own = due ? { ...kept, snapshotRevision: kept.revision } : kept;
    cache.put(prepared, own);
    if (due) snapshots.write(prepared, own);
  }

  /** A fold that notices events with a field in the clear that is to be sealed. */
  function guarded(folding: Folding): Guarded {
    let found = false;
    return {
      ...folding,
      add: (event) => {
        found ||= sealedFields(event.type).some((field) => inTheClear(event, field));
        folding.add(event);
      },
      clear: () => found,
    };
  }

  return {
    load,
    recent: (prepared) => {
      const kept = cache.get(prepared);
      return kept === undefined || kept.behind ? undefined : kept;
    },
    recorded: (prepared, { tenantId, before, events, appended }) => {
      const { revision, position, wrote } = appended;
      const kept = cache.get(prepared);
      // Read back already by a command that came after.
      if (kept !== undefined && kept.revision >= revision) return;
      const known = events.every(({ type }) => sealedFields(type).length === 0);
      if (wrote !== true || !known || (kept?.revision ?? -1) !== before) {
        cache.outdate(prepared);
        return;
      }
      keepAt(prepared, {
        tenantId,
        state: logged(events).reduce(
          prepared.evolve,
          kept === undefined ? prepared.initialState() : kept.state,
        ),
        revision,
        position,
        eventId: (events.at(-1) ?? events[0]).id,
        behind: false,
        snapshotRevision: kept?.snapshotRevision ?? -1,
      });
    },
    outdated: (prepared) => {
      cache.outdate(prepared);
    },
    close: async () => {
      await snapshots?.close();
    },
  };
}

/** `clear` tells whether an event had a field in the clear that is to be sealed. */
type Guarded = Folding & Readonly<{ clear(): boolean }>;

/** Folds what follows a kept state. False where the log's event at its revision is not the one it ends with. */
async function foldBehind(
  { revision, eventId, tenantId }: KeptState,
  folding: Folding,
  pages: AsyncIterable<readonly RecordedEvent[]>,
): Promise<boolean> {
  let confirmed = false;
  for await (const page of pages) {
    for (const event of page) {
      if (confirmed) folding.add(event);
      else if (event.revision === revision && event.id === eventId && event.metadata.tenantId === tenantId) {
        confirmed = true;
      } else return false;
    }
  }
  return confirmed;
}

function inTheClear({ data }: RecordedEvent, field: string): boolean {
  const value = (data as Readonly<Record<string, unknown>>)[field];
  return value !== undefined && value !== null && !isSealed(value);
}

/** Events as they come back from the log: their JSON, and nothing that the one who decided them still holds. */
function logged(events: readonly Event[]): readonly Event[] {
  return events.map(({ type, data }) => ({ type, data: JSON.parse(JSON.stringify(data)) as object }));
}
