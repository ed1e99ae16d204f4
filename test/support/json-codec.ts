import { headersOf } from '@daybook/infra/registry/cloud-events.ts';
import { attributesOf, placeOf } from '@daybook/infra/registry/cloud-events.ts';
import type { MessageCodec, NewMessage } from '@daybook/infra/registry/codec.ts';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { RecordedEvent } from '@daybook/kernel/event.ts';
import type { InMessage, OutMessage } from '@daybook/kernel/ports/topics.ts';
import type { TopicMessage } from '@daybook/kernel/process.ts';

/** The codec for events of no contract: the same headers, JSON in place of Avro. */
export const jsonCodec: Pick<MessageCodec, 'decode' | 'encodeEvents' | 'encodeMessage'> & {
  encode: (event: RecordedEvent) => OutMessage;
} = {
  encode,
  encodeEvents: (events) => Promise.resolve(events.map(encode)),
  encodeMessage: (message: NewMessage) =>
    Promise.resolve({
      key: message.key,
      value: Buffer.from(JSON.stringify(message.data)),
      headers: headersOf(message),
    }),
  decode: (message) => Promise.resolve(decoded(message)),
};

function encode(event: RecordedEvent): OutMessage {
  return {
    key: event.metadata.tenantId,
    value: Buffer.from(JSON.stringify(event.data)),
    headers: headersOf({ ...event, source: '/test' }, event),
  };
}

function decoded({ value, headers }: InMessage | OutMessage): RecordedEvent | TopicMessage {
  const { id, type, recordedAt, metadata } = attributesOf(headers, Number(headers['ce_schemaversion']));
  const common = { id, type, recordedAt, metadata, data: parsed(value) };
  return headers['ce_position'] === undefined ? common : { ...common, ...placeOf(headers) };
}

function parsed(value: Uint8Array): object {
  try {
    return JSON.parse(Buffer.from(value).toString()) as object;
  } catch (cause) {
    throw new DaybookError('schema-incompatible', 'The body is no JSON.', { cause });
  }
}

/** A message as a partition hands it out. */
export function inPartition(message: OutMessage, partition: number, offset: number): InMessage {
  return { ...message, partition, offset, publishedAt: '2026-01-01T00:00:00.000Z', attempt: 1 };
}
