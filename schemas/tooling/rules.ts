/** What is asked of the contracts beside being Avro. Each rule answers with sentences that say what to do. */
import { isNamed, isUnion, type AvroSchema, type FieldSchema, type RecordSchema } from '../avro-schema.ts';
import { unreadable } from '../avro.ts';
import type { TopicContract } from '../topics.ts';
import type { Upcasters } from '../upcasters.ts';
import type { Source, Sources } from './sources.ts';

type Whole = readonly Source<RecordSchema>[];

/** Every version reads what every earlier one wrote (BACKWARD_TRANSITIVE), and versions count up from 1. */
export function compatibilityProblems(whole: Whole): readonly string[] {
  return whole.flatMap((reader) => {
    const earlier = versionsOf(whole, reader).filter((other) => other.version < reader.version);
    const gap = earlier.length === reader.version - 1 ? [] : [gapProblem(reader, earlier.length + 1)];
    const unread = earlier.flatMap((writer) => {
      const reason = unreadable(writer.schema, reader.schema);
      return reason === null
        ? []
        : [
            `schemas/${reader.file} cannot read what version ${String(writer.version)} wrote (${reason}): give added fields a default, keep types readable, or use a new event name.`,
          ];
    });
    return [...gap, ...unread];
  });
}

/** Every record, field and enum says what it means; sealed fields can be sealed, and stay so. */
export function annotationProblems(sources: Sources, whole: Whole): readonly string[] {
  return [
    ...[...sources.types, ...sources.records].flatMap((source) =>
      undocumented(source.schema, source.name).map(
        (path) => `schemas/${source.file}: ${path} has no doc; say what it means, in which unit or format.`,
      ),
    ),
    ...whole.flatMap((record) => [...placeProblems(record), ...sealProblems(record, whole)]),
  ];
}

/** Every version before the current one has an upcaster, and none is left over. */
export function upcasterProblems(whole: Whole, upcasters: Upcasters): readonly string[] {
  const wanted = new Set(
    whole
      .filter((record) => versionsOf(whole, record).some((other) => other.version > record.version))
      .map((record) => `${record.name} ${String(record.version)}`),
  );
  const present = Object.entries(upcasters).flatMap(([name, steps]) =>
    Object.keys(steps).map((version) => `${name} ${version}`),
  );
  return [
    ...[...wanted]
      .filter((step) => !present.includes(step))
      .map((step) => `There is no upcaster from ${step}: write it in the capability's upcasters.ts.`),
    ...present
      .filter((step) => !wanted.has(step))
      .map((step) => `The upcaster from ${step} leads nowhere: remove it, or add the version it leads to.`),
  ];
}

/** Messages and topics name each other. */
export function topicProblems(whole: Whole, topics: readonly TopicContract[]): readonly string[] {
  const listed = topics.flatMap(({ name, messages }) =>
    messages === 'events' ? [] : messages.map((message) => `${message} on ${name}`),
  );
  const annotated = new Set(
    whole.flatMap(({ name, schema }) => (schema.topic === undefined ? [] : [`${name} on ${schema.topic}`])),
  );
  return [
    ...listed
      .filter((message) => !annotated.has(message))
      .map((message) => `schemas/topics.ts lists ${message}: annotate the message's schema with that topic.`),
    ...[...annotated]
      .filter((message) => !listed.includes(message))
      .map((message) => `A schema says ${message}: list it in schemas/topics.ts.`),
  ];
}

/** One name is one contract, whatever its capability: events are found by name alone. */
export function nameProblems(whole: Whole): readonly string[] {
  return whole
    .filter((record) => whole.some((other) => other.name === record.name && other.folder < record.folder))
    .map((record) => `schemas/${record.file}: another capability has ${record.name}; choose another name.`);
}

function versionsOf(whole: Whole, record: Source): Whole {
  return whole.filter((other) => other.folder === record.folder && other.name === record.name);
}

function gapProblem(record: Source, missing: number): string {
  return `schemas/${record.file}: there is no ${record.name}.v${String(missing)}.avsc; number versions from 1 without gaps.`;
}

function undocumented(schema: AvroSchema, path: string): readonly string[] {
  if (typeof schema === 'string') return [];
  if (isUnion(schema)) return schema.flatMap((part) => undocumented(part, path));
  if (schema.type === 'array') return undocumented(schema.items, path);
  if (schema.type === 'map') return undocumented(schema.values, path);
  const own = isBlank(schema.doc) ? [path] : [];
  if (schema.type === 'enum') return own;
  const fields = schema.fields.flatMap((field) => [
    ...(isBlank(field.doc) ? [`${path}.${field.name}`] : []),
    ...undocumented(field.type, `${path}.${field.name}`),
  ]);
  return [...own, ...fields];
}

function isBlank(doc: string | undefined): boolean {
  return doc === undefined || doc.trim() === '';
}

function placeProblems({ file, schema }: Source<RecordSchema>): readonly string[] {
  return (schema.stream === undefined) === (schema.topic === undefined)
    ? [`schemas/${file}: annotate it with "stream" (an event) or "topic" (a message), one of them.`]
    : [];
}

function sealProblems(record: Source<RecordSchema>, whole: Whole): readonly string[] {
  const { file, schema } = record;
  const problems: string[] = [];
  for (const field of schema.fields.filter(({ sealed }) => sealed !== undefined))
    if (!isText(field.type))
      problems.push(`schemas/${file}: ${field.name} is sealed; make it a string, or null or a string.`);
  if (schema.fields.some(({ sealed }) => sealed === 'subject') && !isStringField(schema, schema.subject))
    problems.push(`schemas/${file}: name the string field that holds the person's id as "subject".`);
  for (const path of sealedInside(schema))
    problems.push(`schemas/${file}: ${path} is sealed inside of another field; only top-level fields are.`);
  for (const other of versionsOf(whole, record))
    for (const field of schema.fields)
      if (other.version < record.version && sealOf(other.schema, field) !== field.sealed)
        problems.push(
          `schemas/${file}: ${field.name} is sealed otherwise in version ${String(other.version)}; use a new field name.`,
        );
  return problems;
}

function sealOf(schema: RecordSchema, { name, sealed }: FieldSchema): FieldSchema['sealed'] {
  const field = schema.fields.find((other) => other.name === name);
  return field === undefined ? sealed : field.sealed;
}

function isText(type: AvroSchema): boolean {
  if (isUnion(type)) return type.every((part) => part === 'null' || part === 'string');
  return type === 'string';
}

function isStringField(schema: RecordSchema, name: string | undefined): boolean {
  return schema.fields.some((field) => field.name === name && field.type === 'string');
}

function sealedInside(schema: RecordSchema): readonly string[] {
  const visit = (part: AvroSchema, path: string): readonly string[] => {
    if (typeof part === 'string') return [];
    if (isUnion(part)) return part.flatMap((inner) => visit(inner, path));
    if (part.type === 'array') return visit(part.items, path);
    if (part.type === 'map') return visit(part.values, path);
    if (!isNamed(part) || part.type === 'enum') return [];
    return part.fields.flatMap((field) => [
      ...(field.sealed === undefined ? [] : [`${path}.${field.name}`]),
      ...visit(field.type, `${path}.${field.name}`),
    ]);
  };
  return schema.fields.flatMap((field) => visit(field.type, field.name));
}
