import { join } from 'node:path';
import type { RecordSchema } from '../avro-schema.ts';
import { topicContracts } from '../topics.ts';
import { asyncApi } from './asyncapi.ts';
import { eventCatalogue } from './catalogue.ts';
import { inlined } from './inline.ts';
import { readSources, type Source, type Sources } from './sources.ts';
import { capabilityTypes, schemaIndex, sharedTypes } from './typescript.ts';

/** The root of the repository. */
export const repositoryRoot = join(import.meta.dirname, '../..');

/** Everything that is generated, and the whole schemas it came from. */
export type Outputs = Readonly<{
  sources: Sources;
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
    ['docs/reference/events.md', eventCatalogue(sources, topicContracts)],
    ['docs/reference/asyncapi.json', `${JSON.stringify(asyncApi(whole, topicContracts), null, 2)}\n`],
  ]);
  return { sources, whole, files };
}
