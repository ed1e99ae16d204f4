/** HTTP as a client of the interface does it, with nothing assumed about the answer. */
import { randomUUID } from 'node:crypto';
import type { Addresses } from './system.ts';

export type Answer = Readonly<{
  status: number;
  headers: Headers;
  /** Parsed where it is JSON. */
  body: unknown;
  /** `code` of a problem document. */
  code: string | undefined;
}>;

export type CallOptions = Readonly<{
  body?: unknown;
  /** Sent as it is, in place of `body`. */
  raw?: string | Uint8Array<ArrayBuffer>;
  token?: string;
  headers?: Readonly<Record<string, string>>;
}>;

export type Caller = (method: string, path: string, options?: CallOptions) => Promise<Answer>;

/** Calls a system: what may write goes to the command service, the rest to the query service. */
export function callerOf(addresses: Addresses): Caller {
  return async (method, path, { body, raw, token, headers } = {}) => {
    const reading = method === 'GET' || method === 'HEAD';
    const response = await fetch((reading ? addresses.queries : addresses.commands) + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(body === undefined && raw === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(raw !== undefined ? { body: raw } : body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const parsed = response.headers.get('content-type')?.includes('json') === true ? parse(text) : text;
    const code = (parsed as { code?: unknown } | null)?.code;
    return {
      status: response.status,
      headers: response.headers,
      body: parsed,
      code: typeof code === 'string' ? code : undefined,
    };
  };
}

function parse(text: string): unknown {
  return text === '' ? null : (JSON.parse(text) as unknown);
}

/** A person who signed up, and calls with their token. */
export type Person = Readonly<{
  email: string;
  token: string;
  tenantId: string;
  workspaceId: string;
  userId: string;
  call: Caller;
}>;

/** Signs a new person up, with a business of their own. */
export async function signUp(call: Caller, businessName = 'Test Shop'): Promise<Person> {
  const email = `person-${randomUUID()}@example.com`;
  const signup = await call('POST', '/v1/auth/signup', {
    body: { email, name: 'Test Person', business_name: businessName, intent: 'track_prices' },
  });
  const { token } = must(signup, 201, 200, 202) as { token: string };
  const verified = must(await call('POST', '/v1/auth/verify', { body: { token } }), 200, 201) as {
    jwt: string;
    tenant_id: string;
    workspace_id: string;
    user: { id: string };
  };
  return {
    email,
    token: verified.jwt,
    tenantId: verified.tenant_id,
    workspaceId: verified.workspace_id,
    userId: verified.user.id,
    call: (method, path, options) => call(method, path, { token: verified.jwt, ...options }),
  };
}

/** The body of an answer that has one of these statuses. @throws with the whole answer otherwise */
export function must(answer: Answer, ...statuses: readonly number[]): unknown {
  if (statuses.includes(answer.status)) return answer.body;
  throw new Error(`The answer is ${String(answer.status)}: ${JSON.stringify(answer.body)}`);
}
