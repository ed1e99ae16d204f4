/** Avro by avsc: one compiled type a schema, values as the plain data they are in JSON. */
import avsc, { type Type } from 'avsc';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { mapSchema, type AvroSchema, type RecordSchema } from './avro-schema.ts';
import { ExactLong } from './exact-long.ts';

/** A compiled schema. Its errors name the path of the field that does not fit, never a value. */
export type AvroType = Readonly<{
  /** @throws `schema-incompatible` */
  validate(data: unknown): void;
  /** Avro's binary form behind `headroom` zero bytes (default 0). @throws `schema-incompatible` */
  encode(data: unknown, headroom?: number): Buffer;
  /** @throws `schema-incompatible` when the bytes are not exactly one value of the schema */
  decode(bytes: Uint8Array): unknown;
  /**
   * How to read bytes that another schema wrote, as Avro resolves the two: fields that this one lacks are passed over.
   * What it answers with throws `schema-incompatible` for bytes that are not a value of the writer's.
   * @throws `schema-incompatible` where the schemas cannot be resolved
   */
  decoderOf(writer: RecordSchema): (bytes: Uint8Array) => unknown;
  /**
   * Data of a later version as this one says it: what this one does not know is left out.
   * @throws `schema-incompatible` where something is missing that this one asks for
   */
  known(data: unknown): unknown;
}>;

/** Compiles a schema. `type` and `version` stand in its errors. */
export function compileSchema(schema: RecordSchema, names: { type: string; version: number }): AvroType {
  // Given a default, avsc takes an absent field as present: JSON and Avro of one event could then differ.
  const type = parse(mapSchema(schema, withoutDefaults));
  const misfit = (path: string): DaybookError =>
    new DaybookError('schema-incompatible', 'Data does not fit its schema.', { fields: { ...names, path } });
  return {
    validate: (data) => {
      if (type.isValid(data, { noUndeclaredFields: true })) return;
      throw misfit(pathOfMisfit(type, data));
    },
    encode: (data, headroom = 0) => {
      try {
        return write(type, data, headroom);
      } catch {
        // The error of avsc quotes the value, so it is no cause.
        throw misfit(pathOfMisfit(type, data));
      }
    },
    decode: (bytes) => {
      try {
        return type.fromBuffer(asBuffer(bytes)) as unknown;
      } catch (cause) {
        throw notOfSchema(names, cause);
      }
    },
    decoderOf: (writer) => {
      const attempt = <T>(work: () => T): T => {
        try {
          return work();
        } catch (cause) {
          throw notOfSchema(names, cause);
        }
      };
      const resolver = attempt(() => type.createResolver(parse(mapSchema(writer, withoutDefaults))));
      return (bytes) => attempt(() => type.fromBuffer(asBuffer(bytes), resolver) as unknown);
    },
    known: (data) => {
      try {
        const kept: unknown = type.clone(data, { skipMissingFields: false });
        return kept;
      } catch {
        // The error of avsc quotes the value, so it is no cause.
        throw misfit('(root)');
      }
    },
  };
}

function notOfSchema(names: { type: string; version: number }, cause: unknown): DaybookError {
  return new DaybookError('schema-incompatible', 'The bytes are not a value of their schema.', {
    fields: names,
    cause,
  });
}

/** Why data written with one schema cannot be read with another; null where it can, as BACKWARD compatibility asks. */
export function unreadable(writer: AvroSchema, reader: AvroSchema): string | null {
  try {
    parse(reader).createResolver(parse(writer));
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function parse(schema: AvroSchema): Type {
  const registry: Record<string, Type> = { long: new ExactLong() };
  const type = avsc.Type.forSchema(schema as avsc.Schema, {
    registry,
    wrapUnions: 'never',
    omitRecordMethods: true,
  });
  for (const named of Object.values(registry))
    // Decoded records are then plain objects, equal to the same JSON, at no cost.
    if (named instanceof avsc.types.RecordType)
      Object.defineProperty(named.recordConstructor, 'prototype', { value: Object.prototype });
  return type;
}

function withoutDefaults(part: AvroSchema): AvroSchema {
  if (typeof part === 'string' || !('type' in part) || part.type !== 'record') return part;
  return { ...part, fields: part.fields.map((field) => ({ ...field, default: undefined })) };
}

/** One buffer for all: writing is synchronous, and what is written is copied out before anything else runs. */
let scratch = Buffer.allocUnsafe(64 * 1024);

function write(type: Type, data: unknown, headroom: number): Buffer {
  const end = type.encode(data, scratch, headroom);
  if (end < 0) {
    // avsc answers with minus the bytes that are missing.
    scratch = Buffer.allocUnsafe(2 * (scratch.length - end));
    return write(type, data, headroom);
  }
  scratch.fill(0, 0, headroom);
  return Buffer.from(scratch.subarray(0, end));
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function pathOfMisfit(type: Type, data: unknown): string {
  const paths: string[] = [];
  type.isValid(data, {
    noUndeclaredFields: true,
    errorHook: (parts: string[], value: unknown, expected: Type) => {
      paths.push([...parts, ...undeclaredField(value, expected)].join('.'));
    },
  });
  return paths.find((path) => path !== '') ?? '(root)';
}

function undeclaredField(value: unknown, expected: Type): readonly string[] {
  if (!(expected instanceof avsc.types.RecordType) || typeof value !== 'object' || value === null) return [];
  const declared = new Set(expected.fields.map((field) => field.name));
  return Object.keys(value)
    .filter((key) => !declared.has(key))
    .slice(0, 1);
}
