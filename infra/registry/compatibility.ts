/** What every registry of ours asks of a schema: that it is one, and that it is BACKWARD_TRANSITIVE in its subject. */
import { createHash } from 'node:crypto';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { canonical } from '@daybook/kernel/specification.ts';
import type { AvroSchema } from '@daybook/schemas/avro-schema.ts';
import { unreadable } from '@daybook/schemas/avro.ts';

/** A schema as it came, parsed, and the digest by which equal ones are found. */
export type ParsedSchema = Readonly<{ text: string; schema: AvroSchema; digest: string }>;

/**
 * Parses the text of an Avro schema.
 * @throws `schema-incompatible` when it is none
 */
export function parseSchema(subject: string, text: string): ParsedSchema {
  const schema = parsedJson(subject, text);
  const reason = unreadable(schema, schema);
  if (reason !== null) throw noSchema(subject, reason);
  return { text, schema, digest: createHash('sha256').update(canonical(schema)).digest('hex') };
}

/**
 * Refuses a schema that cannot read what any earlier schema of its subject wrote.
 * @throws `schema-incompatible`
 */
export function refuseIncompatible(
  subject: string,
  candidate: ParsedSchema,
  earlier: readonly Readonly<{ version: number; schema: string }>[],
): void {
  for (const { version, schema } of earlier) {
    const reason = unreadable(JSON.parse(schema) as AvroSchema, candidate.schema);
    if (reason !== null)
      throw new DaybookError('schema-incompatible', 'The schema cannot read what an earlier one wrote.', {
        fields: { subject, version, reason },
      });
  }
}

/** The error of an id no schema has. */
export function unknownSchema(id: number): DaybookError {
  return new DaybookError('schema-unknown', 'No schema has this id.', { fields: { id } });
}

function parsedJson(subject: string, text: string): AvroSchema {
  try {
    return JSON.parse(text) as AvroSchema;
  } catch (cause) {
    throw noSchema(subject, 'not JSON', cause);
  }
}

function noSchema(subject: string, reason: string, cause?: unknown): DaybookError {
  return new DaybookError('schema-incompatible', 'The text is no Avro schema.', {
    fields: { subject, reason },
    cause,
  });
}
