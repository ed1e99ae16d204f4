/** The part of Avro's schema language the contracts use, as plain data (https://avro.apache.org/docs/1.12.0/specification/). */

export type AvroSchema = string | readonly AvroSchema[] | ArraySchema | MapSchema | EnumSchema | RecordSchema;

export type ArraySchema = Readonly<{ type: 'array'; items: AvroSchema }>;

export type MapSchema = Readonly<{ type: 'map'; values: AvroSchema }>;

export type EnumSchema = Readonly<{
  type: 'enum';
  name: string;
  namespace?: string;
  doc?: string;
  symbols: readonly string[];
}>;

export type RecordSchema = Readonly<{
  type: 'record';
  name: string;
  namespace?: string;
  doc?: string;
  /** Of an event: the category of the streams it stands in. */
  stream?: string;
  /** Of a topic message: the topic it travels on. */
  topic?: string;
  /** The field that holds the id of the person whom the fields sealed for `subject` are about. */
  subject?: string;
  fields: readonly FieldSchema[];
}>;

export type FieldSchema = Readonly<{
  name: string;
  type: AvroSchema;
  doc?: string;
  default?: unknown;
  /** Whose data key seals the field at the boundary of the event store. */
  sealed?: 'subject' | 'tenant';
}>;

/** One released version of an event or a topic message, with all named types inlined. */
export type ReleasedSchema = Readonly<{
  capability: string;
  name: string;
  version: number;
  /** SHA-256 (hex) of the schema as canonical JSON without its docs. */
  fingerprint: string;
  schema: RecordSchema;
}>;

/** True for an enum or record: a schema that is spelled out once and named from there on. */
export function isNamed(schema: AvroSchema): schema is EnumSchema | RecordSchema {
  return typeof schema === 'object' && 'name' in schema;
}

/** The full name of a named type, given the namespace it stands in. */
export function fullName(schema: EnumSchema | RecordSchema, namespace = ''): string {
  const own = schema.namespace ?? namespace;
  return own === '' ? schema.name : `${own}.${schema.name}`;
}

/** A copy in which every part was passed through `change`, from the inside out. */
export function mapSchema(schema: AvroSchema, change: (part: AvroSchema) => AvroSchema): AvroSchema {
  return change(mapParts(schema, (part) => mapSchema(part, change)));
}

/** A copy with the schemas directly inside replaced, in the order in which they are written. */
export function mapParts(schema: AvroSchema, change: (part: AvroSchema) => AvroSchema): AvroSchema {
  if (typeof schema === 'string') return schema;
  if (isUnion(schema)) return schema.map(change);
  switch (schema.type) {
    case 'array':
      return { ...schema, items: change(schema.items) };
    case 'map':
      return { ...schema, values: change(schema.values) };
    case 'enum':
      return schema;
    case 'record':
      return { ...schema, fields: schema.fields.map((field) => ({ ...field, type: change(field.type) })) };
  }
}

/** True for a union: a list of alternatives. */
export function isUnion(schema: AvroSchema): schema is readonly AvroSchema[] {
  return Array.isArray(schema);
}
