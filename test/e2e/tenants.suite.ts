import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { must, type Answer, type Person } from '../support/caller.ts';
import { checked, pageOf, track, type Stage } from './stage.ts';

type Operation = Readonly<{
  parameters?: readonly Readonly<{ name: string; in: string; required?: boolean }>[];
  requestBody?: Readonly<{ content: Readonly<Record<string, Readonly<{ schema: JsonSchema }>>> }>;
  security?: readonly unknown[];
}>;

type JsonSchema = Readonly<{
  type?: string;
  properties?: Readonly<Record<string, JsonSchema>>;
  required?: readonly string[];
  enum?: readonly unknown[];
  anyOf?: readonly JsonSchema[];
}>;

type Endpoint = Readonly<{ method: string; path: string; operation: Operation }>;

/** ENG-14: nobody sees or touches another tenant's things, by any endpoint of the document. */
export function tenantsSuite(stage: () => Stage): void {
  describe('tenants', () => {
    let owner: Person;
    let stranger: Person;
    let productId: string;
    let endpoints: readonly Endpoint[];
    const secretName = `Secret ${randomUUID()}`;

    beforeAll(async () => {
      [owner, stranger] = [await stage().join('Owner'), await stage().join('Stranger')];
      productId = await track(owner, pageOf(stage().shop, 'corner-notebook'), {
        name: secretName,
        source: 'shopify',
      });
      await checked(owner, productId, 'price');
      endpoints = await readEndpoints(stage());
    }, 60_000);

    test('the document names every route of both services', () => {
      const names = endpoints.map(({ method, path }) => `${method} ${path}`);
      expect(names).toEqual(
        expect.arrayContaining([
          'POST /v1/auth/signup',
          'POST /v1/auth/verify',
          'POST /v1/market/products',
          'PATCH /v1/market/products/{productId}',
          'DELETE /v1/market/products/{productId}',
          'POST /v1/market/products/{productId}/pause',
          'POST /v1/market/products/{productId}/resume',
          'POST /v1/market/products/{productId}/check',
          'GET /v1/market/products',
          'GET /v1/market/products/{productId}',
          'GET /v1/market/products/{productId}/prices',
          'GET /v1/market/overview',
          'GET /v1/market/compare',
          'GET /v1/events',
          'GET /v1/live',
        ]),
      );
    });

    test("another tenant's product is the same as none, by every endpoint", async () => {
      const ours = endpoints.filter(({ path }) => path.includes('{productId}'));
      expect(ours.length).toBeGreaterThanOrEqual(7);
      for (const endpoint of ours) {
        const foreign = await attempt(stranger, endpoint, productId);
        const missing = await attempt(stranger, endpoint, randomUUID());
        expect([endpoint.method, endpoint.path, foreign.status]).toEqual([
          endpoint.method,
          endpoint.path,
          404,
        ]);
        expect(shape(foreign)).toEqual(shape(missing));
      }
      expect(must(await owner.call('GET', `/v1/market/products/${productId}`), 200)).toMatchObject({
        name: secretName,
        status: 'active',
      });
    });

    test('no query of one tenant answers with what is another’s, whatever is asked', async () => {
      const queries = endpoints.filter(({ method, path }) => method === 'GET' && path !== '/v1/live');
      for (const endpoint of queries) {
        for (const value of [productId, `product-${productId}`, owner.tenantId, secretName]) {
          const answer = await attempt(stranger, endpoint, value, true);
          const text = JSON.stringify(answer.body);
          for (const secret of [secretName, owner.email, owner.userId]) expect(text).not.toContain(secret);
        }
      }
    });

    test('every protected endpoint asks for a token', async () => {
      for (const endpoint of endpoints) {
        if (endpoint.path.startsWith('/v1/auth/')) continue;
        const answer = await attempt({ ...stranger, call: stage().call }, endpoint, productId);
        expect([endpoint.method, endpoint.path, answer.status]).toEqual([
          endpoint.method,
          endpoint.path,
          401,
        ]);
      }
    });

    test('every endpoint of commands and queries refuses what it does not know', async () => {
      for (const endpoint of endpoints) {
        if (endpoint.path === '/v1/live') continue;
        const answer =
          endpoint.method === 'GET'
            ? await stranger.call('GET', `${fill(endpoint.path, productId)}?madeUp=1`)
            : await stranger.call(endpoint.method, fill(endpoint.path, productId), {
                body: { ...bodyFor(endpoint, productId), madeUp: 1 },
              });
        expect([endpoint.method, endpoint.path, answer.status]).toEqual([
          endpoint.method,
          endpoint.path,
          400,
        ]);
      }
    });
  });
}

async function readEndpoints({ system }: Stage): Promise<readonly Endpoint[]> {
  const bases = new Set([system.addresses.commands, system.addresses.queries]);
  const endpoints: Endpoint[] = [];
  for (const base of bases) {
    const { paths } = (await (await fetch(`${base}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, Operation>>;
    };
    for (const [path, item] of Object.entries(paths)) {
      if (!path.startsWith('/v1/')) continue;
      for (const [method, operation] of Object.entries(item)) {
        endpoints.push({ method: method.toUpperCase(), path, operation });
      }
    }
  }
  return endpoints;
}

/** Calls an endpoint with `value` in its path (and, if asked, in every parameter it knows). */
function attempt(person: Person, endpoint: Endpoint, value: string, everywhere = false): Promise<Answer> {
  const { method, operation } = endpoint;
  const parameters = (operation.parameters ?? []).filter(
    (parameter) => parameter.in === 'query' && (everywhere || parameter.required === true),
  );
  const query = parameters.map(({ name }) => `${name}=${encodeURIComponent(value)}`).join('&');
  const path = fill(endpoint.path, value) + (query === '' ? '' : `?${query}`);
  return person.call(method, path, method === 'GET' ? {} : { body: bodyFor(endpoint, value) });
}

function fill(path: string, value: string): string {
  return path.replaceAll(/\{\w+\}/g, encodeURIComponent(value));
}

/** A body of the right shape. */
function bodyFor({ operation, path }: Endpoint, value: string): Record<string, unknown> {
  const schema = operation.requestBody?.content['application/json']?.schema;
  const inPath = new Set([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
  const required = (schema?.required ?? []).filter((name) => !inPath.has(name));
  return Object.fromEntries(required.map((name) => [name, valueFor(schema?.properties?.[name], value)]));
}

function valueFor(schema: JsonSchema | undefined, value: string): unknown {
  if (schema?.enum !== undefined) return schema.enum[0];
  const type = schema?.type ?? schema?.anyOf?.[0]?.type;
  if (type === 'boolean') return true;
  if (type === 'integer' || type === 'number') return 1;
  if (type === 'array') return [];
  if (type === 'object') return {};
  return value;
}

/** What an answer tells, without what differs between any two answers. */
function shape({ status, code, body }: Answer): unknown {
  const { detail, title } = body as { detail?: string; title?: string };
  return { status, code, detail, title };
}
