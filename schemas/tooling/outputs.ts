import { join } from 'node:path';
import type { RecordSchema } from '../avro-schema.ts';
import { inlined } from './inline.ts';
import { readSources, type Source } from './sources.ts';
import { capabilityTypes, schemaIndex, sharedTypes } from './typescript.ts';

/** The root of the repository. */
export const repositoryRoot = join(import.meta.dirname, '../..');

/** Everything that is generated, and the whole schemas it came from. */
export type Outputs = Readonly<{
  whole: readonly Source<RecordSchema>[];
  /** Text by path, relative to the root of the repository. */
  files: ReadonlyMap<string, string>;
}>;

/** Generates everything in memory from the `.avsc` files. Deterministic. */
export function generateOutputs(root: string = repositoryRoot): Outputs {
  const sources = readSources(join(root, 'schemas'));
  const whole = inlined(sources);
  const capabilities = [...new Set(whole.map((record) => record.folder))];
  const files = new Map([
    ['schemas/types/types.generated.ts', sharedTypes(sources.types)],
    ...capabilities.map(
      (capability) =>
        [`schemas/${capability}/events.generated.ts`, capabilityTypes(capability, sources)] as const,
    ),
    ['schemas/contracts.generated.ts', schemaIndex(whole)],
  ]);
  return { whole, files };
}
