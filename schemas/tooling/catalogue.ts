/** Generates `docs/reference/events.md`: every event and topic message, for people. */
import { canonical } from '@daybook/kernel/specification.ts';
import { isUnion, type AvroSchema, type FieldSchema, type RecordSchema } from '../avro-schema.ts';
import type { TopicContract } from '../topics.ts';
import { order, type Source, type Sources } from './sources.ts';

type Records = readonly Source<RecordSchema>[];

/** The page. */
export function eventCatalogue(sources: Sources, topics: readonly TopicContract[]): string {
  const capabilities = [...new Set(sources.records.map((record) => record.folder))].sort(order);
  return [
    '# Events and messages',
    '',
    'Generated from the Avro schemas in `schemas/` by `npm run generate`; edit those. The log keeps `data` as JSON, topics',
    'carry it as Avro. Sealed fields are encrypted in the log, on topics and in read models. The same contracts for tools:',
    '[asyncapi.json](asyncapi.json).',
    '',
    '## Contents',
    '',
    ...capabilities.map((capability) => contents(capability, sources.records)),
    '',
    ...capabilities.flatMap((capability) => [
      `## ${capability}`,
      '',
      ...currentOf(sources.records, capability).flatMap((record) => section(record, sources.records)),
    ]),
    '## Shared types',
    '',
    ...sources.types.flatMap(sharedType),
    '## Topics',
    '',
    'Bodies are Avro behind a zero byte and the four bytes of the schema id; headers are CloudEvents 1.0 in binary mode.',
    '',
    ...table(
      ['Topic', 'Holds', 'Key', 'Partitions', 'Kept'],
      topics.map((topic) => [
        `\`${topic.name}\``,
        topic.doc,
        topic.key,
        String(topic.partitions),
        kept(topic.retentionMs),
      ]),
    ),
  ].join('\n');
}

function kept(retentionMs: number | undefined): string {
  if (retentionMs === undefined) return 'always';
  const days = retentionMs / 86_400_000;
  return days === 1 ? '1 day' : `${String(days)} days`;
}

function contents(capability: string, records: Records): string {
  const links = currentOf(records, capability).map(({ name }) => `[${name}](#${name.toLowerCase()})`);
  return `- **${capability}**: ${links.join(', ')}`;
}

function currentOf(records: Records, capability: string): Records {
  return records.filter(
    (record) =>
      record.folder === capability &&
      !versionsOf(record, records).some((other) => other.version > record.version),
  );
}

function versionsOf(record: Source, records: Records): Records {
  return records.filter((other) => other.folder === record.folder && other.name === record.name);
}

function section(record: Source<RecordSchema>, records: Records): string[] {
  const { schema } = record;
  const place =
    schema.topic === undefined
      ? `Stream \`${schema.stream ?? ''}-<id>\`.`
      : `Message on \`${schema.topic}\`.`;
  const sealed = schema.fields.some((field) => field.sealed === 'subject')
    ? ` Sealed fields belong to the person in \`${schema.subject ?? ''}\`.`
    : '';
  const older = versionsOf(record, records).filter((other) => other.version < record.version);
  return [
    `### ${record.name}`,
    '',
    schema.doc ?? '',
    '',
    `${place} Version ${String(record.version)}: \`${schema.namespace ?? ''}.${record.name}\`.${sealed}`,
    '',
    ...fieldTable(schema.fields),
    ...nestedTables(schema),
    ...older.flatMap((old) => [`Version ${String(old.version)} ${difference(old.schema, schema)}`, '']),
  ];
}

function fieldTable(fields: readonly FieldSchema[]): string[] {
  return table(
    ['Field', 'Type', 'Meaning'],
    fields.map((field) => [
      `\`${field.name}\``,
      typeText(field.type),
      `${field.doc ?? ''}${field.sealed === undefined ? '' : ` **Sealed** for the ${field.sealed === 'subject' ? 'person' : 'tenant'}.`}`,
    ]),
  );
}

function nestedTables(schema: RecordSchema): string[] {
  return schema.fields.flatMap((field) => {
    const type = typeof field.type === 'object' && 'items' in field.type ? field.type.items : field.type;
    return typeof type === 'object' && 'fields' in type
      ? [`\`${type.name}\`: ${type.doc ?? ''}`, '', ...fieldTable(type.fields)]
      : [];
  });
}

function difference(old: RecordSchema, current: RecordSchema): string {
  const without = current.fields.filter((field) => !old.fields.some((other) => other.name === field.name));
  const other = old.fields.filter(
    (field) =>
      !current.fields.some((now) => now.name === field.name && canonical(now.type) === canonical(field.type)),
  );
  const parts = [
    without.length === 0 ? '' : `without ${without.map((field) => `\`${field.name}\``).join(', ')}`,
    other.length === 0
      ? ''
      : `with ${other.map((field) => `\`${field.name}\` (${typeText(field.type)}): ${field.doc ?? ''}`).join(' ')}`,
  ].filter((part) => part !== '');
  return `is ${parts.length === 0 ? 'the same but for its docs' : parts.join(' and ')}${other.length === 0 ? '.' : ''}`;
}

function sharedType({ name, version, schema }: Source): string[] {
  const body =
    schema.type === 'enum'
      ? [`One of ${schema.symbols.map((symbol) => `\`${symbol}\``).join(', ')}.`, '']
      : fieldTable(schema.fields);
  return [`### ${name}, version ${String(version)}`, '', schema.doc ?? '', '', ...body];
}

function typeText(type: AvroSchema): string {
  if (typeof type === 'string') {
    const [name = type, version] = type.split('.v');
    return version === undefined ? type : `[${name}](#${name.toLowerCase()}-version-${version})`;
  }
  if (isUnion(type)) return type.map(typeText).join(' or ');
  if (type.type === 'array') return `array of ${typeText(type.items)}`;
  if (type.type === 'map') return `map of ${typeText(type.values)}`;
  return `\`${type.name}\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line), ''];
}
