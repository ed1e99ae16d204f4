/** Generates `docs/reference/asyncapi.json`: AsyncAPI 3.0 (https://www.asyncapi.com/docs/reference/specification/v3.0.0). */
import type { RecordSchema } from '../avro-schema.ts';
import type { TopicContract } from '../topics.ts';
import type { Source } from './sources.ts';

type Json = Readonly<Record<string, unknown>>;
type Whole = readonly Source<RecordSchema>[];

/** https://github.com/asyncapi/bindings/tree/master/kafka */
const kafkaBinding = '0.5.0';
const avroFormat = 'application/vnd.apache.avro+json;version=1.9.0';

/** The document. Older versions of a type are messages of their own, since they stand on the topics as well. */
export function asyncApi(whole: Whole, topics: readonly TopicContract[]): Json {
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Daybook topics',
      version: '1.0.0',
      description: 'What travels on the topics. Generated from the Avro schemas in schemas/.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: 'application/avro',
    channels: Object.fromEntries(topics.map((topic) => [channelName(topic), channel(topic, whole)])),
    operations: Object.fromEntries(topics.flatMap((topic) => operations(topic, whole))),
    components: {
      messages: Object.fromEntries(
        whole.map((record) => [messageName(record, whole), message(record, whole, topics)]),
      ),
      schemas: { messageHeaders: headers(messageHeaders), eventHeaders: headers(eventHeaders) },
    },
  };
}

function channelName(topic: TopicContract): string {
  return topic.name.replaceAll('.', '-');
}

function channel(topic: TopicContract, whole: Whole): Json {
  return {
    address: topic.name,
    description: topic.doc,
    messages: Object.fromEntries(
      messagesOf(topic, whole).map((record) => [
        messageName(record, whole),
        { $ref: `#/components/messages/${messageName(record, whole)}` },
      ]),
    ),
    bindings: {
      kafka: {
        topic: topic.name,
        partitions: topic.partitions,
        ...(topic.retentionMs === undefined
          ? {}
          : { topicConfiguration: { 'cleanup.policy': ['delete'], 'retention.ms': topic.retentionMs } }),
        bindingVersion: kafkaBinding,
      },
    },
  };
}

function operations(topic: TopicContract, whole: Whole): readonly (readonly [string, Json])[] {
  const name = channelName(topic);
  const operation = (action: 'send' | 'receive', summary: string): Json => ({
    action,
    summary,
    channel: { $ref: `#/channels/${name}` },
    messages: messagesOf(topic, whole).map((record) => ({
      $ref: `#/channels/${name}/messages/${messageName(record, whole)}`,
    })),
  });
  return [
    [`send-${name}`, operation('send', 'The platform publishes.')],
    [`receive-${name}`, operation('receive', 'Consumers read, at least once, in order for each key.')],
  ];
}

function messagesOf(topic: TopicContract, whole: Whole): Whole {
  const { messages } = topic;
  return whole.filter((record) =>
    messages === 'events' ? record.schema.topic === undefined : messages.includes(record.name),
  );
}

function messageName(record: Source, whole: Whole): string {
  const isCurrent = !whole.some((other) => other.name === record.name && other.version > record.version);
  return isCurrent ? record.name : `${record.name}.v${String(record.version)}`;
}

function message(record: Source<RecordSchema>, whole: Whole, topics: readonly TopicContract[]): Json {
  const { schema } = record;
  const kind = schema.topic === undefined ? 'event' : 'message';
  const topic = topics.find((one) => messagesOf(one, whole).includes(record));
  return {
    name: record.name,
    title: `${record.name}, version ${String(record.version)}`,
    summary: schema.doc,
    contentType: 'application/avro',
    tags: [{ name: record.folder }],
    headers: { $ref: `#/components/schemas/${kind}Headers` },
    payload: { schemaFormat: avroFormat, schema },
    bindings: {
      kafka: {
        key: { type: 'string', description: topic?.key ?? '' },
        schemaIdLocation: 'payload',
        schemaIdPayloadEncoding: 'confluent',
        schemaLookupStrategy: 'TopicRecordNameStrategy',
        bindingVersion: kafkaBinding,
      },
    },
  };
}

type Header = Readonly<{ doc: string; optional?: true; schema?: Json }>;

/** KEEP IN SYNC: infra/registry/cloud-events.ts; its spec compares them. */
const messageHeaders: Readonly<Record<string, Header>> = {
  'content-type': { doc: 'Always application/avro.', schema: { const: 'application/avro' } },
  ce_specversion: { doc: 'Version of CloudEvents.', schema: { const: '1.0' } },
  ce_id: { doc: 'Id of the event or message; the same id again is the same event.' },
  ce_type: { doc: 'Type: the name of the record in the body.' },
  ce_source: { doc: 'The part of the platform that says it.', schema: { format: 'uri-reference' } },
  ce_time: { doc: 'When it was recorded or published; ISO 8601, UTC.', schema: { format: 'date-time' } },
  ce_tenantid: { doc: 'The tenant.' },
  ce_schemaversion: {
    doc: 'Version of the type in which the body is written.',
    schema: { pattern: '^[1-9][0-9]*$' },
  },
  ce_actor: {
    doc: 'Who caused it: kind and id.',
    schema: { pattern: '^(user|apiKey|process|system|anonymous):' },
  },
  ce_commandid: { doc: 'The command whose handling led to it.' },
  ce_correlationid: { doc: 'Shared by everything that one request led to.' },
  ce_command: { doc: 'Name of that command; on events.', optional: true },
  ce_steps: {
    doc: 'JSON: the way from the last recorded event to the command, a list of kind, name, ref and at.',
    optional: true,
  },
  ce_causationid: { doc: 'The event or command that directly caused the command.', optional: true },
  traceparent: { doc: 'W3C trace context of the request.', optional: true },
};

const eventHeaders: Readonly<Record<string, Header>> = {
  ...messageHeaders,
  ce_subject: { doc: 'The stream.' },
  ce_position: { doc: 'Place in the whole log; compare as text.' },
  ce_revision: { doc: 'Zero-based number in the stream.', schema: { pattern: '^[0-9]+$' } },
};

function headers(of: Readonly<Record<string, Header>>): Json {
  return {
    type: 'object',
    required: Object.entries(of).flatMap(([name, header]) => (header.optional === true ? [] : [name])),
    properties: Object.fromEntries(
      Object.entries(of).map(([name, header]) => [
        name,
        { type: 'string', description: header.doc, ...header.schema },
      ]),
    ),
  };
}
