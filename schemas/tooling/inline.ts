/** Makes schemas whole: a reference `Money.v1` becomes the type itself where it first stands, its full name after that. */
import { fullName, isNamed, mapParts, type AvroSchema, type RecordSchema } from '../avro-schema.ts';
import type { Source, Sources } from './sources.ts';

/** A record source whose schema holds everything it names. */
export function inlined(sources: Sources): readonly Source<RecordSchema>[] {
  const types = new Map(sources.types.map((type) => [`${type.name}.v${String(type.version)}`, type]));
  return sources.records.map((record) => ({
    ...record,
    schema: inline(record, types),
  }));
}

function inline(record: Source<RecordSchema>, types: ReadonlyMap<string, Source>): RecordSchema {
  const seen = new Map<string, string>();
  const visit = (part: AvroSchema, namespace: string): AvroSchema => {
    const reference = typeof part === 'string' ? part : null;
    const type = reference === null ? undefined : types.get(reference);
    if (reference !== null && type === undefined) return known(record, reference, seen, namespace);
    const whole = type?.schema ?? part;
    if (!isNamed(whole)) return mapParts(whole, (inner) => visit(inner, namespace));
    const name = fullName(whole, namespace);
    const spelled = reference ?? name;
    const earlier = seen.get(name);
    if (earlier !== undefined && earlier !== spelled)
      throw new Error(`schemas/${record.file}: uses ${name} as ${earlier} and as ${spelled}; use one.`);
    if (earlier !== undefined) return name;
    seen.set(name, spelled);
    return mapParts(whole, (inner) => visit(inner, whole.namespace ?? namespace));
  };
  return visit(record.schema, '') as RecordSchema;
}

const primitives = new Set(['null', 'boolean', 'int', 'long', 'double', 'string']);

function known(
  record: Source,
  reference: string,
  seen: ReadonlyMap<string, string>,
  namespace: string,
): string {
  if (primitives.has(reference) || seen.has(reference) || seen.has(`${namespace}.${reference}`))
    return reference;
  throw new Error(
    `schemas/${record.file}: unknown type ${reference}; write schemas/types/${reference}.avsc or use one of ${[...primitives].join(', ')}.`,
  );
}
