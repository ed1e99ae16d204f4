import type { Schema, SchemaIssue } from '@daybook/kernel/schema.ts';
import { invalidInput, type FieldError } from './problems.ts';

/** Turns what came in into a definition's input. @throws a problem `input-invalid` naming every field that is wrong */
export type ReadInput<In> = (
  pathParameters: Readonly<Record<string, unknown>>,
  others: Readonly<Record<string, unknown>>,
) => In | Promise<In>;

/**
 * Prepares the reader of a schema: path parameters and the others (body, or query string) become one object, unknown
 * fields are refused, and so are fields that the path gives already, and texts that cannot be kept.
 */
export function inputReader<In>(
  schema: Schema<In>,
  names: readonly string[],
  where: 'body' | 'query',
): ReadInput<In> {
  const known = knownFields(schema);
  const { validate } = schema['~standard'];
  const fromPath = new Set(names);
  return (pathParameters, others) => {
    const errors: FieldError[] = [];
    for (const field of Object.keys(others)) {
      if (fromPath.has(field)) errors.push({ field, message: 'Is given by the path.' });
      else if (known !== null && !known.has(field))
        errors.push({ field: shown(field), message: unknownField });
    }
    if (errors.length > 0) throw invalidInput(errors);
    const input = fromPath.size === 0 ? others : { ...others, ...pathParameters };
    const unkept = unkeptTexts(input);
    if (unkept.length > 0)
      throw invalidInput(unkept.map((field) => ({ field: shown(field), message: unkeptText })));
    const result = validate(input);
    return result instanceof Promise
      ? result.then((settled) => accepted(settled, where))
      : accepted(result, where);
  };
}

const unknownField = 'There is no such field.';

const unkeptText = 'Holds a NUL character or half of a surrogate pair.';

/** Paths of the texts that PostgreSQL cannot keep: nothing that is derived from them could ever be written. */
function unkeptTexts(value: unknown, path = ''): readonly string[] {
  if (typeof value === 'string') return value.includes('\0') || !value.isWellFormed() ? [path] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, part]) =>
    unkeptTexts(part, path === '' ? key : `${path}.${key}`),
  );
}

type Settled<In> = Readonly<{ value: In; issues?: undefined }> | Readonly<{ issues: readonly SchemaIssue[] }>;

function accepted<In>(result: Settled<In>, where: 'body' | 'query'): In {
  if (result.issues === undefined) return result.value;
  throw invalidInput(result.issues.slice(0, 50).map((issue) => fieldError(issue, where)));
}

function fieldError({ path = [], message }: SchemaIssue, where: string): FieldError {
  const field = path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
  return { field: field === '' ? where : shown(field), message: shown(message, 300) };
}

/** Names of fields come from the caller: they are cut, so that an answer stays small. */
function shown(text: string, length = 100): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

/** The fields an object schema declares; null where it leaves them open or does not tell. */
export function knownFields(schema: Schema<unknown>): ReadonlySet<string> | null {
  const json = schema['~standard'].jsonSchema?.input({ target: 'draft-2020-12' });
  const { properties, additionalProperties } = (json ?? {}) as {
    properties?: object;
    additionalProperties?: unknown;
  };
  if (properties === undefined || (additionalProperties !== undefined && additionalProperties !== false))
    return null;
  return new Set(Object.keys(properties));
}

/** `/v1/market/products/{productId}` as a route of express, and the names of its parameters. */
export function routeOf(path: string): Readonly<{ route: string; parameters: readonly string[] }> {
  const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  return { route: path.replaceAll(/\{(\w+)\}/g, ':$1'), parameters };
}
