import { createHash } from 'node:crypto';
import type { RequestHandler } from 'express';
import { edgeOf } from './edge.ts';
import type { OpenApiDocument } from './openapi.ts';

type Operation = Readonly<{
  summary?: string;
  tags?: readonly string[];
  security?: readonly unknown[];
  'x-roles'?: readonly string[];
  parameters?: readonly Readonly<{
    $ref?: string;
    name?: string;
    in?: string;
    required?: boolean;
    schema?: unknown;
  }>[];
  requestBody?: Readonly<{ content: Readonly<Record<string, { schema: unknown }>> }>;
  responses: Readonly<
    Record<string, { $ref?: string; content?: Readonly<Record<string, { schema: unknown }>> }>
  >;
}>;

const style = `
:root{color-scheme:light dark;--line:color-mix(in srgb,currentColor 18%,transparent)}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h2{margin-top:2.5rem;text-transform:capitalize}
details{border:1px solid var(--line);border-radius:.5rem;margin:.5rem 0;padding:.5rem .75rem}
summary{cursor:pointer}
b{display:inline-block;min-width:4.5rem;font:600 .85rem ui-monospace,monospace}
code,pre{font:.85rem ui-monospace,monospace}
pre{overflow:auto;border:1px solid var(--line);border-radius:.5rem;padding:.75rem}
table{border-collapse:collapse;width:100%}
td{border-top:1px solid var(--line);padding:.25rem .5rem .25rem 0;vertical-align:top}
`;

/**
 * The browsable page of an OpenAPI document: one self-contained page without scripts, whose only style is named by its
 * hash in the content security policy.
 */
export function docsPage(document: OpenApiDocument): RequestHandler {
  const html = page(document);
  const styleHash = createHash('sha256').update(style).digest('base64');
  const policy = `default-src 'none'; style-src 'sha256-${styleHash}'; frame-ancestors 'none'; base-uri 'none'`;
  return (request, response) => {
    edgeOf(request).route = '/docs';
    response.set({ 'content-security-policy': policy, 'cache-control': 'no-cache' }).type('html').send(html);
  };
}

function page({ info, paths, tags }: OpenApiDocument): string {
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation: operation as Operation })),
  );
  const sections = tags.map(({ name }) => {
    const own = operations.filter(({ operation }) => operation.tags?.includes(name) === true);
    return `<h2>${text(name)}</h2>${own.map(section).join('')}`;
  });
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${text(info.title)}</title>
<meta name="viewport" content="width=device-width"><style>${style}</style></head><body>
<h1>${text(info.title)}</h1><p>Version ${text(info.version)}. ${text(info.description ?? '')}
As a document: <a href="/openapi.json">/openapi.json</a>.</p>${sections.join('')}</body></html>`;
}

type Listed = Readonly<{ path: string; method: string; operation: Operation }>;

function section({ path, method, operation }: Listed): string {
  const { security, parameters = [], requestBody, responses } = operation;
  const roles = operation['x-roles']?.join(', ');
  const who = security?.length === 0 ? 'Anyone.' : `Bearer token${roles === undefined ? '' : `: ${roles}`}.`;
  const rows = parameters
    .filter(({ name }) => name !== undefined)
    .map(
      ({ name, in: place, required, schema }) =>
        `<tr><td><code>${text(name ?? '')}</code></td><td>${text(place ?? '')}${required === true ? ', required' : ''}</td>` +
        `<td><code>${text(JSON.stringify(schema))}</code></td></tr>`,
    );
  const answers = Object.entries(responses).map(([status, { content = {} }]) =>
    schemas(`Answer ${status}`, content),
  );
  return `<details><summary><b>${text(method.toUpperCase())}</b> <code>${text(path)}</code> ${text(operation.summary ?? '')}</summary>
<p>${text(who)}</p>${rows.length === 0 ? '' : `<table>${rows.join('')}</table>`}
${requestBody === undefined ? '' : schemas('Body', requestBody.content)}${answers.join('')}</details>`;
}

function schemas(title: string, content: Readonly<Record<string, { schema: unknown }>>): string {
  return Object.entries(content)
    .map(
      ([type, { schema }]) =>
        `<p>${text(title)} <code>${text(type)}</code></p><pre>${text(JSON.stringify(schema, null, 2))}</pre>`,
    )
    .join('');
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function text(raw: string): string {
  return raw.replaceAll(/[&<>"]/g, (character) => entities[character] ?? character);
}
