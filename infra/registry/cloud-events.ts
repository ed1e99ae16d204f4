/**
 * Headers of messages: CloudEvents 1.0 attributes in the Kafka binding's binary mode, with extensions for what else an
 * event carries. https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
 */
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { Actor, Metadata, Position, RecordedEvent, Step, StreamName } from '@daybook/kernel/event.ts';

export type Headers = Readonly<Record<string, string>>;

/** What the headers say of any message. */
export type Attributes = Readonly<{
  id: string;
  type: string;
  source: string;
  recordedAt: string;
  metadata: Metadata;
}>;

/** Where a recorded event stands. */
export type Place = Readonly<Pick<RecordedEvent, 'stream' | 'revision' | 'position'>>;

/** The headers of a message; `place` for events only. */
export function headersOf(attributes: Attributes, place?: Place): Headers {
  const { metadata } = attributes;
  const headers: Record<string, string> = {
    'content-type': 'application/avro',
    ce_specversion: '1.0',
    ce_id: attributes.id,
    ce_type: attributes.type,
    ce_source: attributes.source,
    ce_time: attributes.recordedAt,
    ce_tenantid: metadata.tenantId,
    ce_schemaversion: String(metadata.schemaVersion),
    ce_actor: `${metadata.actor.kind}:${metadata.actor.id}`,
    ce_commandid: metadata.commandId,
    ce_correlationid: metadata.correlationId,
  };
  if (metadata.command !== undefined) headers['ce_command'] = metadata.command;
  if (metadata.steps !== undefined) headers['ce_steps'] = JSON.stringify(metadata.steps);
  if (metadata.causationId !== undefined) headers['ce_causationid'] = metadata.causationId;
  if (metadata.traceparent !== undefined) headers['traceparent'] = metadata.traceparent;
  if (place === undefined) return headers;
  headers['ce_subject'] = place.stream;
  headers['ce_position'] = place.position;
  headers['ce_revision'] = String(place.revision);
  return headers;
}

/**
 * What the headers of a message say. The schema version is left to the caller, who knows it from the bytes.
 * @throws `schema-incompatible` naming the header that is missing or malformed
 */
export function attributesOf(headers: Headers, schemaVersion: number): Attributes {
  const { ce_command: command, ce_steps: steps, ce_causationid: causationId, traceparent } = headers;
  return {
    id: header(headers, 'ce_id'),
    type: header(headers, 'ce_type'),
    source: header(headers, 'ce_source'),
    recordedAt: header(headers, 'ce_time'),
    metadata: {
      schemaVersion,
      tenantId: header(headers, 'ce_tenantid'),
      actor: actorOf(header(headers, 'ce_actor')),
      commandId: header(headers, 'ce_commandid'),
      correlationId: header(headers, 'ce_correlationid'),
      ...(command === undefined ? {} : { command }),
      ...(causationId === undefined ? {} : { causationId }),
      ...(steps === undefined ? {} : { steps: stepsOf(steps) }),
      ...(traceparent === undefined ? {} : { traceparent }),
    },
  };
}

/**
 * Where the event of a message stands.
 * @throws `schema-incompatible` naming the header that is missing or malformed
 */
export function placeOf(headers: Headers): Place {
  const revision = Number(header(headers, 'ce_revision'));
  if (!Number.isSafeInteger(revision) || revision < 0) throw malformed('ce_revision');
  return {
    stream: header(headers, 'ce_subject') as StreamName,
    revision,
    position: header(headers, 'ce_position') as Position,
  };
}

const actorKinds: ReadonlySet<string> = new Set<Actor['kind']>([
  'user',
  'apiKey',
  'process',
  'system',
  'anonymous',
]);

function actorOf(text: string): Actor {
  const colon = text.indexOf(':');
  const kind = text.slice(0, colon);
  if (!actorKinds.has(kind)) throw malformed('ce_actor');
  return { kind: kind as Actor['kind'], id: text.slice(colon + 1) };
}

function stepsOf(text: string): readonly Step[] {
  try {
    const steps: unknown = JSON.parse(text);
    if (Array.isArray(steps)) return steps as readonly Step[];
  } catch {
    // Told below, as any other header.
  }
  throw malformed('ce_steps');
}

function header(headers: Headers, name: string): string {
  const value = headers[name];
  if (value === undefined) throw malformed(name);
  return value;
}

function malformed(name: string): DaybookError {
  return new DaybookError('schema-incompatible', 'A header of the message is missing or malformed.', {
    fields: { header: name },
  });
}
