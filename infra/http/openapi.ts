import type { Access, Command } from '@daybook/kernel/command.ts';
import type { QueryDefinition } from '@daybook/kernel/query.ts';
import type { Schema } from '@daybook/kernel/schema.ts';
import { routeOf } from './input.ts';
import {
  commandHeaders,
  components,
  errorAnswers,
  queryHeaders,
  type JsonObject,
} from './openapi-components.ts';
import type { EventStream } from './stream-routes.ts';

/** A service's share of the OpenAPI document: paths by template, then by method. */
export type OpenApiFragment = Readonly<{ paths: Readonly<Record<string, JsonObject>> }>;

/** A whole OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.1.html). */
export type OpenApiDocument = Readonly<{
  openapi: '3.1.1';
  info: Readonly<{ title: string; version: string; description?: string }>;
  servers?: readonly Readonly<{ url: string }>[];
  tags: readonly Readonly<{ name: string }>[];
  paths: Readonly<Record<string, JsonObject>>;
  components: JsonObject;
}>;

export type Definitions = Readonly<{
  commands?: readonly Command[];
  queries?: readonly QueryDefinition<never, unknown, unknown>[];
  streams?: readonly EventStream<unknown>[];
}>;

/** The share of some definitions. Internal commands and those without a path have none. */
export function openApiFragment({ commands = [], queries = [], streams = [] }: Definitions): OpenApiFragment {
  const paths: Record<string, Record<string, unknown>> = {};
  const add = (path: string, method: string, operation: JsonObject): void => {
    const item = (paths[path] ??= {});
    if (method in item) throw new TypeError(`Two definitions answer ${method.toUpperCase()} ${path}.`);
    item[method] = operation;
  };
  for (const command of commands) {
    if (command.path !== undefined && command.access !== 'internal') {
      add(command.path, command.method.toLowerCase(), commandOperation(command, command.path));
    }
  }
  for (const query of queries) add(query.path, 'get', queryOperation(query));
  for (const stream of streams) add(stream.path, 'get', streamOperation(stream));
  return { paths };
}

/** One document of several shares. @throws TypeError where two answer the same method of a path */
export function openApiDocument(
  info: OpenApiDocument['info'],
  fragments: readonly OpenApiFragment[],
  serverUrl?: string,
): OpenApiDocument {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const fragment of fragments) {
    for (const [path, item] of Object.entries(fragment.paths)) {
      const merged = (paths[path] ??= {});
      for (const [method, operation] of Object.entries(item)) {
        if (method in merged) throw new TypeError(`Two services answer ${method.toUpperCase()} ${path}.`);
        merged[method] = operation;
      }
    }
  }
  const sorted = Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1)));
  return {
    openapi: '3.1.1',
    info,
    ...(serverUrl === undefined ? {} : { servers: [{ url: serverUrl }] }),
    tags: [...new Set(Object.keys(sorted).map(tagOf))].map((name) => ({ name })),
    paths: sorted,
    components,
  };
}

function commandOperation(command: Command, path: string): JsonObject {
  const { parameters } = routeOf(path);
  const { own, rest } = split(jsonSchema(command.input, 'input'), parameters);
  const empty = Object.keys(rest['properties'] ?? {}).length === 0;
  const required = ((rest['required'] ?? []) as unknown[]).length > 0;
  const refusals = Object.values(command.rejections).filter((status) => status !== 409);
  return {
    operationId: command.name,
    summary: command.summary,
    tags: [tagOf(path)],
    ...security(command.access),
    parameters: [...own.map(pathParameter), ...commandHeaders.parameters],
    ...(empty ? {} : { requestBody: { required, content: { 'application/json': { schema: rest } } } }),
    responses: {
      [String(command.status)]: {
        description: 'Accepted.',
        headers: commandHeaders.responses,
        ...(command.status === 204
          ? {}
          : { content: { 'application/json': { schema: jsonSchema(command.output, 'output') } } }),
      },
      ...errorAnswers([
        '400',
        '409',
        '412',
        '413',
        '415',
        ...callerErrors(command.access, path),
        ...refusals.map(String),
      ]),
    },
  };
}

function queryOperation(query: QueryDefinition<never, unknown, unknown>): JsonObject {
  const { parameters } = routeOf(query.path);
  const { own, rest } = split(jsonSchema(query.input, 'input'), parameters);
  const required = new Set((rest['required'] ?? []) as readonly string[]);
  const search = Object.entries((rest['properties'] ?? {}) as Record<string, JsonObject>);
  const formats = Object.keys(query.formats ?? {});
  return {
    operationId: query.name,
    summary: query.summary,
    tags: [tagOf(query.path)],
    ...security(query.access),
    parameters: [
      ...own.map(pathParameter),
      ...search.map(([name, schema]) => ({ name, in: 'query', required: required.has(name), schema })),
      ...queryHeaders.parameters,
    ],
    responses: {
      '200': {
        description: 'What was asked for.',
        headers: queryHeaders.responses,
        content: {
          'application/json': { schema: jsonSchema(query.output, 'output') },
          ...Object.fromEntries(formats.map((type) => [type, { schema: { type: 'string' } }])),
        },
      },
      ...errorAnswers([
        '400',
        '404',
        ...(formats.length > 0 ? ['406'] : []),
        ...callerErrors(query.access, query.path),
      ]),
    },
  };
}

function streamOperation(stream: EventStream<unknown>): JsonObject {
  const { rest } = split(jsonSchema(stream.input, 'input'), []);
  const search = Object.entries((rest['properties'] ?? {}) as Record<string, JsonObject>);
  return {
    operationId: stream.name,
    summary: stream.summary,
    tags: [tagOf(stream.path)],
    ...security(stream.access),
    parameters: [
      ...search.map(([name, schema]) => ({ name, in: 'query', required: false, schema })),
      {
        name: 'Last-Event-ID',
        in: 'header',
        description: 'Resume after this event.',
        schema: { type: 'string' },
      },
    ],
    responses: {
      '200': {
        description: 'Server-sent events, until the caller leaves.',
        content: { 'text/event-stream': { schema: { type: 'string' } } },
      },
      ...errorAnswers(['400', ...callerErrors(stream.access, stream.path)]),
    },
  };
}

function security(access: Access): JsonObject {
  return access === 'public'
    ? { security: [] }
    : { security: [{ bearer: [] }], 'x-roles': access === 'internal' ? [] : [...access] };
}

function callerErrors(access: Access, path: string): readonly string[] {
  return [
    ...(access === 'public' ? [] : ['401', '403']),
    ...(path.includes('{') ? ['404'] : []),
    '429',
    '503',
    '504',
  ];
}

function pathParameter([name, schema]: readonly [string, JsonObject]): JsonObject {
  return { name, in: 'path', required: true, schema };
}

/** `/v1/market/products` belongs to `market`. */
function tagOf(path: string): string {
  const [first = 'other', second] = path.split('/').filter((part) => part !== '' && !part.startsWith('{'));
  return /^v\d+$|^api$/.test(first) ? (second ?? first) : first;
}

/** The JSON Schema of a definition's schema. Where its library gives none, anything goes. */
function jsonSchema(schema: Schema<unknown>, side: 'input' | 'output'): JsonObject {
  const json = schema['~standard'].jsonSchema?.[side]({ target: 'draft-2020-12' });
  if (json === undefined) return {};
  return without(json, '$schema');
}

/** Takes the properties that stand in the path out of an object schema. */
function split(
  schema: JsonObject,
  names: readonly string[],
): { own: readonly (readonly [string, JsonObject])[]; rest: JsonObject } {
  const properties = (schema['properties'] ?? {}) as Record<string, JsonObject>;
  const taken = new Set(names);
  const required = ((schema['required'] ?? []) as readonly string[]).filter((name) => !taken.has(name));
  return {
    own: names.map((name) => [name, properties[name] ?? { type: 'string' }] as const),
    rest: {
      ...without(schema, 'required'),
      properties: Object.fromEntries(Object.entries(properties).filter(([name]) => !taken.has(name))),
      ...(required.length === 0 ? {} : { required }),
    },
  };
}

function without(object: JsonObject, name: string): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => key !== name));
}
