/**
 * The REST client of a Confluent-compatible schema registry, as `@kafkajs/confluent-schema-registry` brings it: of that
 * package this is what knows subjects and versions; its own cache and framing are ours already.
 * https://docs.confluent.io/platform/current/schema-registry/develop/api.html
 */
import { DaybookError } from '@daybook/kernel/errors.ts';
import { createRequire } from 'node:module';
import type makeApi from '@kafkajs/confluent-schema-registry/dist/api/index.js';

type Api = ReturnType<typeof makeApi.default>;

/** What the registry answers to a call: its body, or null for what it does not have (404). */
export type RegistryClient = Readonly<{
  /** @throws `unavailable` · `schema-incompatible` */
  call<T>(ask: (api: Api) => Promise<{ data(): T }>): Promise<T | null>;
  /** The error of a 404 where every registry has something. */
  notThere(): DaybookError;
}>;

/** Loaded by its path: Node's own interop for the package's transpiled modules gives one more `default`. */
const { default: api } = createRequire(import.meta.url)(
  '@kafkajs/confluent-schema-registry/dist/api/index.js',
) as { default: typeof makeApi.default };

/** An answer takes no longer, in milliseconds; each of the client's two tries for itself. */
const answerTimeoutMs = 5_000;

/** What the client gives a connection that failed, as if the registry had said it. */
const noAnswer = 400;

/**
 * @param url with credentials as user info, where the registry wants them: neither errors nor logs ever hold them
 * @param timeoutMs default 5 s
 */
export function registryClient(url: string, timeoutMs: number = answerTimeoutMs): RegistryClient {
  const { username, password, ...place } = placeOf(url);
  const client = api({
    clientId: 'daybook',
    host: place.address,
    ...(username === '' ? {} : { auth: { username, password } }),
    retry: { retries: 1 },
    middlewares: [
      () => ({
        prepareRequest: async (next) => (await next()).enhance({ timeout: timeoutMs }),
      }),
    ],
  });
  return {
    notThere: () =>
      new DaybookError('unavailable', 'There is no schema registry at this address.', {
        retry: 'later',
        fields: { registry: place.address },
      }),
    call: async (ask) => {
      try {
        return (await ask(client)).data();
      } catch (error) {
        const status = (error as { status?: number }).status ?? noAnswer;
        if (status === 404) return null;
        throw translated(error, status, place.address);
      }
    },
  };
}

function placeOf(url: string): { address: string; username: string; password: string } {
  const { username, password, origin, pathname } = new URL(url);
  return {
    address: `${origin}${pathname.replace(/\/+$/, '')}`,
    username: decodeURIComponent(username),
    password: decodeURIComponent(password),
  };
}

/** What the registry answered is in the cause alone, not in what is logged. */
function translated(error: unknown, status: number, registry: string): DaybookError {
  if (status === 409 || status === 422) {
    return new DaybookError('schema-incompatible', 'The schema registry refuses the schema.', {
      fields: { registry, status },
      cause: error,
    });
  }
  if (status === 401 || status === 403) {
    return new DaybookError('unavailable', 'The schema registry refuses the credentials.', {
      retry: 'later',
      fields: { registry, status },
    });
  }
  return new DaybookError('unavailable', 'The schema registry is away.', {
    retry: 'later',
    fields: { registry, ...(status === noAnswer ? {} : { status }) },
    cause: error,
  });
}
