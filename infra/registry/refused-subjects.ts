import { isDaybookError } from '@daybook/kernel/errors.ts';
import { contracts, type EventContract } from '@daybook/schemas/contracts.ts';
import { parseSchema, refuseIncompatible } from './compatibility.ts';
import { confluentSchemaRegistry } from './confluent.ts';
import { registryClient } from './registry-client.ts';
import { subjectOf } from './schema-ids.ts';

/** A subject of the registry that does not take what this build writes, and why. */
export type RefusedSubject = Readonly<{ subject: string; why: string }>;

/** So many subjects are asked for at once. */
const atOnce = 8;

/**
 * Compares what a registry has under our subjects with the schemas of this build; registers nothing.
 * @throws `unavailable` where it is away, or no registry
 */
export async function refusedSubjects(url: string): Promise<readonly RefusedSubject[]> {
  const client = registryClient(url);
  const listed = await client.call<readonly string[]>((api) => api.Subject.all());
  if (!Array.isArray(listed)) throw client.notThere();
  const there = new Set<string>(listed as readonly string[]);
  const asked = [...contracts.values()].filter((contract) => there.has(subjectOf(contract)));
  const registry = confluentSchemaRegistry({ url });
  const refused: RefusedSubject[] = [];
  const next = async (): Promise<void> => {
    for (let contract = asked.shift(); contract !== undefined; contract = asked.shift()) {
      const subject = subjectOf(contract);
      const why = whyRefused(subject, contract, await registry.versions(subject));
      if (why !== null) refused.push({ subject, why });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, next));
  return refused.sort((a, b) => (a.subject < b.subject ? -1 : 1));
}

function whyRefused(
  subject: string,
  { versions }: EventContract,
  registered: readonly Readonly<{ version: number; schema: string }>[],
): string | null {
  try {
    const digests = registered.map(({ schema }) => parseSchema(subject, schema).digest);
    for (const { schema } of versions) {
      const candidate = parseSchema(subject, JSON.stringify(schema));
      if (!digests.includes(candidate.digest)) refuseIncompatible(subject, candidate, registered);
    }
    return null;
  } catch (error) {
    if (!isDaybookError(error, 'schema-incompatible')) throw error;
    const { version, reason } = error.fields;
    return `version ${String(version ?? '?')} there: ${String(reason)}`;
  }
}
