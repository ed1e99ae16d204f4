import type { SchemaRegistry } from '@daybook/kernel/ports/outside.ts';
import { parseSchema, refuseIncompatible, unknownSchema } from './compatibility.ts';

type Entry = Readonly<{ id: number; digest: string; text: string }>;

/** A registry that lives as long as the process. */
export function memorySchemaRegistry(): SchemaRegistry {
  const byDigest = new Map<string, Entry>();
  const byId = new Map<number, Entry>();
  const subjects = new Map<string, Entry[]>();

  function versionsOf(subject: string): { id: number; version: number; schema: string }[] {
    return (subjects.get(subject) ?? []).map(({ id, text }, index) => ({
      id,
      version: index + 1,
      schema: text,
    }));
  }

  function entryFor(digest: string, text: string): Entry {
    const known = byDigest.get(digest);
    if (known !== undefined) return known;
    const entry = { id: byId.size + 1, digest, text };
    byDigest.set(digest, entry);
    byId.set(entry.id, entry);
    return entry;
  }

  return {
    async register(subject, schema) {
      const candidate = parseSchema(subject, schema);
      const entries = subjects.get(subject) ?? [];
      const known = entries.find((entry) => entry.digest === candidate.digest);
      if (known !== undefined) return known.id;
      refuseIncompatible(subject, candidate, versionsOf(subject));
      const entry = entryFor(candidate.digest, schema);
      subjects.set(subject, [...entries, entry]);
      return entry.id;
    },
    async schemaOf(id) {
      const entry = byId.get(id);
      if (entry === undefined) throw unknownSchema(id);
      return entry.text;
    },
    versions: async (subject) => versionsOf(subject),
  };
}
