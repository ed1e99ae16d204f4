/**
 * What the definitions need of a validation library: the Standard Schema and Standard JSON Schema interfaces
 * (https://standardschema.dev). zod's schemas satisfy it as they are; the kernel depends on none.
 */
export type Schema<T> = Readonly<{
  '~standard': Readonly<{
    version: 1;
    vendor: string;
    validate: (value: unknown) => SchemaResult<T> | Promise<SchemaResult<T>>;
    types?: { readonly input: unknown; readonly output: T } | undefined;
    jsonSchema?: Readonly<{
      input: (options: { target: 'draft-2020-12' }) => Record<string, unknown>;
      output: (options: { target: 'draft-2020-12' }) => Record<string, unknown>;
    }>;
  }>;
}>;

export type SchemaResult<T> =
  Readonly<{ value: T; issues?: undefined }> | Readonly<{ issues: readonly SchemaIssue[] }>;

export type SchemaIssue = Readonly<{
  message: string;
  path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}>;
