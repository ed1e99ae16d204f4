/** Reads the `.avsc` files: one folder a capability, and `types/` for the named types several of them share. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EnumSchema, RecordSchema } from '../avro-schema.ts';

/** A schema as it is written, with references to shared types by `<Name>.v<N>`. */
export type Source<S = EnumSchema | RecordSchema> = Readonly<{
  /** Relative to the schemas folder. */
  file: string;
  folder: string;
  name: string;
  version: number;
  schema: S;
}>;

export type Sources = Readonly<{ types: readonly Source[]; records: readonly Source<RecordSchema>[] }>;

const typesFolder = 'types';
const fileName = /^([A-Z][A-Za-z0-9]*)\.v([1-9][0-9]*)\.avsc$/;

/**
 * All sources under a schemas folder, by name and version.
 * @throws a plain error that says which file is wrong and what to do
 */
export function readSources(root: string): Sources {
  const sources = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => readFolder(root, entry.name))
    .sort((a, b) => order(a.folder, b.folder) || order(a.name, b.name) || a.version - b.version);
  return {
    types: sources.filter((source) => source.folder === typesFolder),
    records: sources.filter((source) => source.folder !== typesFolder).map(asRecord),
  };
}

/** Code-unit order, so that generated files are the same on every machine. */
export function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function readFolder(root: string, folder: string): Source[] {
  return readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.avsc'))
    .map((name) => readSource(root, folder, name));
}

function readSource(root: string, folder: string, base: string): Source {
  const file = `${folder}/${base}`;
  const [, name, version] = fileName.exec(base) ?? [];
  if (name === undefined || version === undefined)
    throw new Error(`schemas/${file}: rename the file to <Name>.v<N>.avsc.`);
  const schema = parse(file, readFileSync(join(root, file), 'utf8'));
  if (schema.name !== name)
    throw new Error(`schemas/${file}: the schema is named ${schema.name}; make file and schema agree.`);
  if (schema.namespace !== `daybook.${folder}`)
    throw new Error(`schemas/${file}: set its namespace to daybook.${folder}.`);
  return { file, folder, name, version: Number(version), schema };
}

function parse(file: string, text: string): EnumSchema | RecordSchema {
  try {
    return JSON.parse(text) as EnumSchema | RecordSchema;
  } catch (cause) {
    throw new Error(`schemas/${file}: not valid JSON; mend its syntax.`, { cause });
  }
}

function asRecord(source: Source): Source<RecordSchema> {
  const { schema } = source;
  if (schema.type !== 'record')
    throw new Error(`schemas/${source.file}: an event is a record; move shared types to schemas/types/.`);
  return { ...source, schema };
}
