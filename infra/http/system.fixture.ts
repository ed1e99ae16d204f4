/** The HTTP interface over the domain of notes, listening on a port of its own, on a fresh database. */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { Vault } from '@daybook/kernel/ports/outside.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import type { Database } from '../database/database.ts';
import { memoryEventStore } from '../event-store/memory.ts';
import { memoryLog, type MemoryLog } from '../logging/memory-log.ts';
import { makeCommandBus, type CommandBus } from '../runtime/command-bus.ts';
import { accessTokens, type AccessTokens, type Bearer } from '../tokens/access-tokens.ts';
import { postgresNonces } from '../tokens/nonces.ts';
import { signingKeys } from '../tokens/signing-keys.ts';
import { postgresVault } from '../vault/postgres.ts';
import { makeApp } from './app.ts';
import { commandRoutes, type CommandExecutor } from './command-routes.ts';
import { internalRoutes } from './internal-routes.ts';
import { noteCommands, noteQueries, notesOf } from './notes.fixture.ts';
import { openApiFragment } from './openapi.ts';
import { queryRoutes } from './query-routes.ts';
import type { RateLimitSettings } from './rate-limits.ts';
import { startServer, type RunningServer } from './server.ts';
import { openSharedGate } from './shared-gate.ts';
import type { ServerSentEvent } from './sse.ts';
import { defineEventStream, streamRoutes } from './stream-routes.ts';

export const serviceSecret = 'a-secret-of-services-for-specs-only';

export type HttpSystem = Readonly<{
  url: string;
  server: RunningServer;
  log: MemoryLog;
  store: EventStore;
  bus: CommandBus;
  database: Database;
  vault: Vault;
  tokens: AccessTokens;
  /** Aborts what a stop aborts. */
  stopping: AbortController;
  call(method: string, path: string, options?: CallOptions): Promise<Reply>;
  tokenOf(bearer?: Partial<Bearer>, ttlMs?: number): Promise<string>;
  close(): Promise<void>;
}>;

export type CallOptions = Readonly<{
  token?: string;
  body?: unknown;
  /** Sent as it is. */
  raw?: string | Uint8Array<ArrayBuffer>;
  headers?: Readonly<Record<string, string>>;
}>;

export type Reply = Readonly<{
  status: number;
  headers: Headers;
  text: string;
  /** The parsed body; null where it is not JSON. */
  json: Record<string, unknown> | null;
}>;

export type HttpSystemOptions = Readonly<{
  limits?: Partial<RateLimitSettings>;
  /** Stands between the routes and the bus. */
  around?: (bus: CommandBus) => CommandExecutor;
  /** What the stream `/v1/live` tells. */
  live?: (lastEventId: string | null, signal: AbortSignal) => AsyncIterable<ServerSentEvent>;
  app?: Partial<Parameters<typeof makeApp>[0]>;
  server?: Partial<Parameters<typeof startServer>[0]>;
  /** Another system to share the database with. */
  beside?: HttpSystem;
}>;

const unlimited: RateLimitSettings = { generalPerMinute: 0, authPerMinute: 0, mutationsPerSecond: 0 };

export async function startHttpSystem(options: HttpSystemOptions = {}): Promise<HttpSystem> {
  const own = options.beside === undefined ? await freshDatabase() : undefined;
  const database = own?.database ?? (options.beside as HttpSystem).database;
  const log = memoryLog();
  const vault =
    options.beside?.vault ??
    postgresVault({ database, keyEncryptionKey: randomBytes(32).toString('base64') });
  const store = options.beside?.store ?? memoryEventStore();
  const clock = { now: () => new Date().toISOString() };
  const bus = makeCommandBus({
    commands: noteCommands,
    eventStore: store,
    schemaVersion: () => 1,
    clock,
    log,
  });
  const tokens = accessTokens({ keys: signingKeys({ database, vault }) });
  const gate = openSharedGate({
    platform: { database, vault, log, tokens },
    limits: { ...unlimited, ...options.limits },
  });
  const stopping = new AbortController();
  const streams = [
    defineEventStream({
      name: 'live',
      summary: 'Tells what happens.',
      access: ['owner'],
      path: '/v1/live',
      input: z.strictObject({ type: z.string().optional() }),
      open: ({ lastEventId }, signal) => (options.live ?? nothing)(lastEventId, signal),
    }),
  ];
  const app = makeApp({
    log,
    routers: [
      commandRoutes({
        ...gate,
        commands: noteCommands,
        bus: options.around?.(bus) ?? bus,
        log,
        bodyLimitBytes: 10_000,
      }),
      queryRoutes({
        ...gate,
        queries: noteQueries,
        database: { forTenant: (tenantId) => notesOf(store, tenantId) },
        positions: headOf(store),
        clock,
        positionWaitMs: 50,
      }),
      streamRoutes({ ...gate, streams, log, stopping: stopping.signal, timing: { heartbeatMs: 30 } }),
      internalRoutes({ commands: bus, secret: serviceSecret, nonces: postgresNonces(database) }),
    ],
    fragments: [
      openApiFragment({ commands: noteCommands }),
      openApiFragment({ queries: noteQueries, streams }),
    ],
    ready: () => Promise.resolve({ ready: true, parts: { log: { ready: true } } }),
    stopping: stopping.signal,
    tokens,
    info: { title: 'Notes', version: '0.0.1' },
    ...options.app,
  });
  const server = await startServer({ listener: app, port: 0, ...options.server });
  return {
    url: server.url,
    server,
    log,
    store,
    bus,
    database,
    vault,
    tokens,
    stopping,
    call: (method, path, call) => request(server.url, method, path, call),
    tokenOf: async (bearer, ttlMs) => {
      const whole = {
        userId: 'user-1',
        email: 'ada@example.com',
        role: 'owner',
        tenantId: 'shop-1',
        ...bearer,
      } as const;
      return (await tokens.issue(whole, ttlMs === undefined ? {} : { ttlMs })).token;
    },
    close: async () => {
      stopping.abort();
      await server.stop(1_000);
      await gate.close();
      await own?.drop();
    },
  };
}

async function* nothing(): AsyncGenerator<ServerSentEvent> {
  // A stream without events.
}

/** Positions of a model that is always up to date. */
function headOf(store: EventStore): Parameters<typeof queryRoutes>[0]['positions'] {
  return {
    least: () => store.head(),
    waitFor: async (position) => {
      const reached = await store.head();
      if (reached >= position) return reached;
      throw new DaybookError('position-timeout', 'Not yet.', {
        retry: 'later',
        fields: { position, reached, waitedMs: 50 },
      });
    },
  };
}

async function request(url: string, method: string, path: string, options: CallOptions = {}): Promise<Reply> {
  const { token, body, raw, headers } = options;
  const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  const response = await fetch(url + path, {
    method,
    headers: {
      ...(sent === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(sent === undefined ? {} : { body: sent }),
  });
  const text = await response.text();
  const json = response.headers.get('content-type')?.includes('json') === true && text !== '';
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: json ? (JSON.parse(text) as Record<string, unknown>) : null,
  };
}
