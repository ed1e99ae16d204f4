import { isDaybookError } from '@daybook/kernel/errors.ts';
import { canonical } from '@daybook/kernel/specification.ts';
import type { SchemaRegistry } from '@daybook/kernel/ports/outside.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import { parseSchema, refuseIncompatible, unknownSchema, type ParsedSchema } from './compatibility.ts';
import { registryClient } from './registry-client.ts';

type Version = Awaited<ReturnType<SchemaRegistry['versions']>>[number];

/** What every subject of ours asks of the registry itself, so that two processes cannot pass the gate side by side. */
const compatibility = 'BACKWARD_TRANSITIVE';

/**
 * A registry that speaks Confluent's API: Confluent's own, Apicurio's, Karapace. The gate stands before it: a schema is
 * sent only where it reads all that its subject has. Schemas go in one spelling, since some registries take two for
 * two. What was asked once is kept, and is answered while the registry is away: a schema never changes its id, nor a
 * version its schema.
 * @param options.url with credentials as user info, where the registry wants them
 */
export function confluentSchemaRegistry(options: { url: string; timeoutMs?: number }): SchemaRegistry {
  const client = registryClient(options.url, options.timeoutMs);
  const schemas = new Map<number, string>();
  const ids = new Map<string, number>();
  /** By subject, and there by number. */
  const known = new Map<string, Map<number, Version>>();
  const governed = new Set<string>();

  async function ask(subject: string, version: number | 'latest'): Promise<Version | null> {
    const answer = await client.call<Version>((api) => api.Subject.version({ subject, version }));
    if (answer === null) return null;
    const found: Version = { id: answer.id, version: answer.version, schema: answer.schema };
    const others = known.get(subject) ?? new Map<number, Version>();
    known.set(subject, others.set(found.version, found));
    return found;
  }

  /** One request for the last one, and one for each other that was never asked for. */
  async function versions(subject: string): Promise<readonly Version[]> {
    const last = await ask(subject, 'latest');
    const found: Version[] = [];
    for (let number = 1; number <= (last?.version ?? 0); number += 1) {
      // One that was deleted leaves a gap.
      const one = known.get(subject)?.get(number) ?? (await ask(subject, number));
      if (one !== null) found.push(one);
    }
    return found;
  }

  const levelOf = async (subject: string): Promise<string> => {
    const level = await client.call<{ compatibilityLevel?: string }>((api) =>
      api.Subject.config({ subject }),
    );
    return level?.compatibilityLevel ?? 'NONE';
  };

  async function govern(subject: string): Promise<void> {
    if (governed.has(subject)) return;
    // What an operator chose for the subject stands.
    if ((await levelOf(subject)) === 'NONE') {
      try {
        await client.call((api) => api.Subject.updateConfig({ subject, body: { compatibility } }));
      } catch (error) {
        // Another process set it at the same time.
        if (!isDaybookError(error, 'schema-incompatible') || (await levelOf(subject)) === 'NONE') throw error;
      }
    }
    governed.add(subject);
  }

  /** A refusal counts where nobody else registered meanwhile: otherwise the gate has more to say, or the schema is there. */
  async function register(subject: string, candidate: ParsedSchema): Promise<number> {
    const same = (found: Iterable<Version>): Version | undefined =>
      [...found].find(({ schema }) => parseSchema(subject, schema).digest === candidate.digest);
    // The versions of a type are registered one after the other: the first has asked for those of the others.
    const asked = same(known.get(subject)?.values() ?? []);
    if (asked !== undefined) return asked.id;
    for (let before = -1; ;) {
      const earlier = await versions(subject);
      const registered = same(earlier);
      if (registered !== undefined) return registered.id;
      refuseIncompatible(subject, candidate, earlier);
      await govern(subject);
      try {
        return await send(subject, candidate);
      } catch (error) {
        if (!isDaybookError(error, 'schema-incompatible') || earlier.length === before) throw error;
        before = earlier.length;
      }
    }
  }

  async function send(subject: string, candidate: ParsedSchema): Promise<number> {
    await failpoint('registry.registering');
    const answer = await client.call<{ id: number }>((api) =>
      api.Subject.register({ subject, body: { schema: canonical(candidate.schema) } }),
    );
    await failpoint('registry.registered');
    if (answer === null) throw client.notThere();
    return answer.id;
  }

  return {
    async register(subject, schema) {
      const candidate = parseSchema(subject, schema);
      const name = `${candidate.digest} ${subject}`;
      const id = ids.get(name) ?? (await register(subject, candidate));
      ids.set(name, id);
      schemas.set(id, schemas.get(id) ?? canonical(candidate.schema));
      return id;
    },
    async schemaOf(id) {
      const kept = schemas.get(id);
      if (kept !== undefined) return kept;
      const answer = await client.call<{ schema: string }>((api) => api.Schema.find({ id }));
      if (answer === null) throw unknownSchema(id);
      schemas.set(id, answer.schema);
      return answer.schema;
    },
    versions,
  };
}
