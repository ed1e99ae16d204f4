import { z } from 'zod';

/** What the loader and the reference page know of a variable beside its schema. */
export type VariableFacts = Readonly<{
  /** Its name in the environment. Also read from the file that `<name>_FILE` names. */
  name: string;
  /** One or two sentences for the reference page. */
  about: string;
  /** Other names under which the same value is accepted. */
  aliases?: readonly string[];
  /** Its value outside production where the environment has none. */
  outsideProduction?: string;
  /** `ours`: made for this installation and checked for strength in production; `theirs`: given by somebody else. */
  secret?: 'ours' | 'theirs';
  /** What production demands of it. Default: nothing. */
  production?: 'required' | 'forbidden';
  /** Makes a value that is kept in the data folder, for development. */
  generate?: () => string;
}>;

const variables = z.registry<VariableFacts>();

/** Binds a schema, which reads the text of the environment, to a variable's name. */
export function variable<S extends z.ZodType>(schema: S, facts: VariableFacts): S {
  variables.add(schema, facts);
  return schema;
}

/** A variable with its place in the configuration object. */
export type PlacedVariable = Readonly<{ path: readonly string[]; schema: z.ZodType; facts: VariableFacts }>;

/** All variables of a configuration schema in the order of their declaration. */
export function variablesOf(schema: z.ZodObject, path: readonly string[] = []): readonly PlacedVariable[] {
  return Object.entries(schema.shape).flatMap(([key, part]) => {
    const here = [...path, key];
    if (part instanceof z.ZodObject) return variablesOf(part, here);
    const facts = variables.get(part as z.ZodType);
    if (facts === undefined) throw new TypeError(`The setting ${here.join('.')} is bound to no variable.`);
    return [{ path: here, schema: part as z.ZodType, facts }];
  });
}
