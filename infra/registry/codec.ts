/** Turns events and messages into what travels on topics, and back. */
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { Metadata, RecordedEvent } from '@daybook/kernel/event.ts';
import type { TopicMessage } from '@daybook/kernel/process.ts';
import type { SchemaRegistry } from '@daybook/kernel/ports/outside.ts';
import type { InMessage, OutMessage } from '@daybook/kernel/ports/topics.ts';
import { currentVersion, encode } from '@daybook/schemas/contracts.ts';
import { attributesOf, headersOf, placeOf } from './cloud-events.ts';
import { frame, framedBody, framedId, framingBytes } from './framing.ts';
import { readerSchemas, writerIds, type WrittenAs } from './schema-ids.ts';

/** A message of a topic other than the events topic, on its way out. */
export type NewMessage = Readonly<{
  /** The same id again is the same message. */
  id: string;
  type: string;
  data: unknown;
  /** `schemaVersion` says in which version `data` is written. */
  metadata: Metadata;
  /** ISO 8601, UTC. */
  recordedAt: string;
  /** Messages of one key stay in order. */
  key: string;
  /** CloudEvents `source`, a URI reference: which part of the platform says it. */
  source: string;
}>;

/**
 * Avro in Confluent framing under CloudEvents headers. Ids of schemas are asked of the registry once; after that nothing
 * waits. Errors name types, versions and field paths, never values.
 */
export type MessageCodec = Readonly<{
  /** Key: the tenant's id. Data is written in the version its metadata names. @throws `schema-unknown` · `schema-incompatible` · `unavailable` */
  encodeEvent(event: RecordedEvent): Promise<OutMessage>;
  /** As `encodeEvent`, for many in their order. */
  encodeEvents(events: readonly RecordedEvent[]): Promise<OutMessage[]>;
  /** @throws `schema-unknown` · `schema-incompatible` · `unavailable` */
  encodeMessage(message: NewMessage): Promise<OutMessage>;
  /**
   * Data and `metadata.schemaVersion` come in the current version, whatever the writer's was. Of a later version than this
   * build knows, data comes as far as Avro resolves it, and `schemaVersion` is the writer's.
   * @throws `schema-unknown` for a schema this build does not know and cannot resolve · `schema-incompatible` for bytes or headers that are
   *   not what they claim · `unavailable`
   */
  decode(message: InMessage | OutMessage): Promise<RecordedEvent | TopicMessage>;
}>;

/** A codec that registers schemas as topic and record name: `daybook.events.v1-daybook.market.PriceObserved`. */
export function makeMessageCodec(options: {
  registry: SchemaRegistry;
  /** CloudEvents `source` of events. Default `/daybook/log`. */
  source?: string;
}): MessageCodec {
  const { registry, source = '/daybook/log' } = options;
  const ofEvents = writerIds(registry, 'event');
  const ofMessages = writerIds(registry, 'message');
  const reader = readerSchemas(registry);

  function eventMessage(event: RecordedEvent, id: number): OutMessage {
    const { type, data, metadata } = event;
    return {
      key: metadata.tenantId,
      value: frame(id, encode(type, metadata.schemaVersion, data, framingBytes)),
      headers: headersOf({ id: event.id, type, source, recordedAt: event.recordedAt, metadata }, event),
    };
  }

  async function encodeEvent(event: RecordedEvent): Promise<OutMessage> {
    const { type, metadata } = event;
    const id =
      ofEvents.known(type, metadata.schemaVersion) ?? (await ofEvents.ask(type, metadata.schemaVersion));
    return eventMessage(event, id);
  }

  return {
    encodeEvent,
    encodeEvents: async (events) => {
      const messages: OutMessage[] = [];
      for (const event of events) {
        const id = ofEvents.known(event.type, event.metadata.schemaVersion);
        messages.push(id === undefined ? await encodeEvent(event) : eventMessage(event, id));
      }
      return messages;
    },
    encodeMessage: async (message) => {
      const { type, data, metadata } = message;
      const id =
        ofMessages.known(type, metadata.schemaVersion) ??
        (await ofMessages.ask(type, metadata.schemaVersion));
      return {
        key: message.key,
        value: frame(id, encode(type, metadata.schemaVersion, data, framingBytes)),
        headers: headersOf(message),
      };
    },
    decode: async (message) => {
      const id = framedId(message.value);
      return decoded(message, reader.known(id) ?? (await reader.ask(id)));
    },
  };
}

function decoded(
  { value, headers }: OutMessage,
  { contract, version, read }: WrittenAs,
): RecordedEvent | TopicMessage {
  const { name: type } = contract;
  // What a later version wrote keeps its number, so that nobody writes it on as one of this build's.
  const as = version === undefined ? Number(headers['ce_schemaversion']) : currentVersion(type);
  const { id, type: claimed, recordedAt, metadata } = attributesOf(headers, as);
  if (claimed !== type)
    throw new DaybookError('schema-incompatible', 'The message is of another type than it claims.', {
      fields: { type, claimed },
    });
  const data = read(framedBody(value));
  const common = { id, type, data: data as Record<string, unknown>, metadata, recordedAt };
  return contract.kind === 'event' ? { ...common, ...placeOf(headers) } : common;
}
