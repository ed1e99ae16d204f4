import fc from 'fast-check';
import { largestLong } from '@daybook/schemas/exact-long.ts';
import { isNamed, isUnion, type AvroSchema, type RecordSchema } from '@daybook/schemas/avro-schema.ts';

/** Random data that fits a whole schema. */
export function arbitraryData(schema: RecordSchema): fc.Arbitrary<Record<string, unknown>> {
  return arbitrary(schema, new Map()) as fc.Arbitrary<Record<string, unknown>>;
}

/** `named` holds the types met so far, by plain name: contracts use each name once. */
function arbitrary(schema: AvroSchema, named: Map<string, AvroSchema>): fc.Arbitrary<unknown> {
  if (typeof schema === 'string') return primitive(schema, named);
  if (isUnion(schema)) return fc.oneof(...schema.map((part) => arbitrary(part, named)));
  if (isNamed(schema)) named.set(schema.name, schema);
  switch (schema.type) {
    case 'array':
      return fc.array(arbitrary(schema.items, named), { maxLength: 5 });
    case 'map':
      return fc.dictionary(fc.string(), arbitrary(schema.values, named), {
        maxKeys: 5,
        noNullPrototype: true,
      });
    case 'enum':
      return fc.constantFrom(...schema.symbols);
    case 'record':
      return fc.record(
        Object.fromEntries(schema.fields.map((field) => [field.name, arbitrary(field.type, named)])),
        { noNullPrototype: true },
      );
  }
}

function primitive(name: string, named: Map<string, AvroSchema>): fc.Arbitrary<unknown> {
  switch (name) {
    case 'null':
      return fc.constant(null);
    case 'boolean':
      return fc.boolean();
    case 'int':
      return fc.integer();
    case 'long':
      return fc.integer({ min: -largestLong, max: largestLong });
    case 'double':
      return fc.double({ noNaN: true });
    case 'string':
      return fc.string({ unit: 'grapheme', maxLength: 40 });
    default: {
      const schema = named.get(name.slice(name.lastIndexOf('.') + 1));
      if (schema === undefined) throw new Error(`The schema does not say what ${name} is.`);
      return arbitrary(schema, named);
    }
  }
}
