import { createHash } from 'node:crypto';
import { canonical } from '@daybook/kernel/specification.ts';
import type { AvroSchema } from './avro-schema.ts';

/**
 * SHA-256 (hex) of a schema as canonical JSON without its docs: two schemas of one fingerprint have the same bytes,
 * defaults and annotations. Explanations may be bettered after release.
 */
export function fingerprint(schema: AvroSchema): string {
  const withoutDocs: unknown = JSON.parse(
    JSON.stringify(schema, (key, value: unknown) => (key === 'doc' ? undefined : value)),
  );
  return createHash('sha256').update(canonical(withoutDocs)).digest('hex');
}
