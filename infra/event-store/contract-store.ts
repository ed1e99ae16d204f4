import { DaybookError, isDaybookError } from '@daybook/kernel/errors.ts';
import type { NewEvent, RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore, NonEmpty, Pages } from '@daybook/kernel/ports/event-store.ts';
import type { KeyOwner, Vault } from '@daybook/kernel/ports/outside.ts';
import { withSpan } from '../telemetry/tracing.ts';
import {
  contractFor,
  knownOfLater,
  upcast,
  validate,
  type EventContract,
} from '@daybook/schemas/contracts.ts';

/**
 * Holds a store to the contracts. What is appended is checked against the schema of its `schemaVersion`, and its
 * sealed fields are sealed; what is read is brought to the current version of its schema and says so in its metadata.
 * Sealed fields stay sealed: whoever is to see them opens them with the vault.
 *
 * Beside the errors of the store, `append` throws `schema-unknown` and `schema-incompatible`, with nothing written; so
 * do reads that meet a type this build does not know, or a later version that says other things than this build knows.
 * One that only says more is read without that: an old build goes on while a new one writes.
 */
export function contractStore(store: EventStore, vault: Vault): EventStore {
  return {
    append: async (stream, expected, events) => {
      // All are checked before the first is sealed: a refused batch leaves no data key behind.
      for (const event of events) checkEvent(event);
      const sealed = await Promise.all(events.map((event) => sealEvent(vault, event)));
      return withSpan('append', { attributes: { 'daybook.events': events.length } }, () =>
        store.append(stream, expected, sealed as unknown as NonEmpty<NewEvent>),
      );
    },
    read: (stream, options) => current(store.read(stream, options)),
    find: async (stream, ids) => (await store.find(stream, ids)).map(toCurrent),
    readAll: (options) => current(store.readAll(options)),
    subscribeAll: (options) => current(store.subscribeAll(options)),
    head: () => store.head(),
    at: async (position) => {
      const event = await store.at(position);
      return event === undefined ? undefined : toCurrent(event);
    },
    identity: () => store.identity(),
    knownIdentity: () => store.knownIdentity(),
    close: () => store.close(),
  };
}

/** Holds an event to its contract. @throws `schema-unknown` · `schema-incompatible` */
export function checkEvent({ type, data, metadata }: NewEvent): void {
  if (contractFor(type).kind !== 'event') {
    throw new DaybookError('schema-unknown', 'This type is a topic message and no event.', {
      fields: { type },
    });
  }
  validate(type, metadata.schemaVersion, data);
}

async function sealEvent(vault: Vault, event: NewEvent): Promise<NewEvent> {
  const contract = contractFor(event.type);
  if (contract.sealed.length === 0) return event;
  const data = event.data as Readonly<Record<string, unknown>>;
  const sealed = await Promise.all(
    contract.sealed.map(async ({ field, for: owner }) => {
      const value = data[field];
      // Absent in this version of the schema, or null.
      if (typeof value !== 'string') return [];
      return [[field, await vault.seal(ownerOf(owner, contract, event), value)] as const];
    }),
  );
  return { ...event, data: { ...data, ...Object.fromEntries(sealed.flat()) } };
}

function ownerOf(kind: 'subject' | 'tenant', contract: EventContract, event: NewEvent): KeyOwner {
  if (kind === 'tenant') return { kind, id: event.metadata.tenantId };
  const id =
    contract.subject === undefined ? undefined : (event.data as Record<string, unknown>)[contract.subject];
  if (typeof id !== 'string' || id === '') {
    throw new DaybookError('schema-incompatible', 'The field that names the person is empty.', {
      fields: { type: event.type, path: contract.subject },
    });
  }
  return { kind, id };
}

async function* current(pages: Pages): Pages {
  for await (const page of pages) {
    const readable: RecordedEvent[] = [];
    for (const event of page) {
      try {
        readable.push(currentEvent(event));
      } catch (error) {
        // What stands before it is read all the same.
        if (readable.length > 0) yield readable;
        throw error;
      }
    }
    yield readable;
  }
}

/** An event as it is stored, in the current version of its schema. @throws `schema-unknown` · `schema-incompatible`, with its place */
export function currentEvent(event: RecordedEvent): RecordedEvent {
  try {
    return toCurrent(event);
  } catch (error) {
    throw located(event, error);
  }
}

/** The same error, with the place of the event. */
function located({ id, type, stream, revision, position, metadata }: RecordedEvent, cause: unknown): unknown {
  if (!isDaybookError(cause)) return cause;
  const { schemaVersion, tenantId } = metadata;
  return new DaybookError(cause.code, cause.message, {
    retry: cause.retry,
    fields: { ...cause.fields, position, stream, revision, type, schemaVersion, eventId: id, tenantId },
    cause,
  });
}

function toCurrent(event: RecordedEvent): RecordedEvent {
  const { currentVersion } = contractFor(event.type);
  const { schemaVersion } = event.metadata;
  if (schemaVersion === currentVersion) return event;
  if (schemaVersion > currentVersion) {
    // The version stays the writer's: what was left out must not be written on.
    return { ...event, data: knownOfLater(event.type, schemaVersion, event.data) as object };
  }
  return {
    ...event,
    data: upcast(event.type, schemaVersion, event.data) as object,
    metadata: { ...event.metadata, schemaVersion: currentVersion },
  };
}
