import { createHash } from 'node:crypto';
import { canonical } from '@daybook/kernel/specification.ts';
import { mapSchema, type AvroSchema } from './avro-schema.ts';

/**
 * SHA-256 (hex) of a schema as canonical JSON without its docs: two schemas with one fingerprint have the same bytes,
 * defaults and annotations. Explanations may be bettered after release.
 */
export function fingerprint(schema: AvroSchema): string {
  return createHash('sha256')
    .update(canonical(mapSchema(schema, withoutDocs)))
    .digest('hex');
}

function withoutDocs(part: AvroSchema): AvroSchema {
  if (typeof part === 'string' || !('type' in part)) return part;
  const plain = { ...part, doc: undefined };
  return plain.type === 'record'
    ? { ...plain, fields: plain.fields.map((field) => ({ ...field, doc: undefined })) as never }
    : (plain as AvroSchema);
}
