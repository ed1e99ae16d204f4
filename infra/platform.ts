import type { Router } from 'express';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type {
  Clock,
  CommandSender,
  Ids,
  Log,
  Mail,
  ObjectStore,
  OutboundHttp,
  SchemaRegistry,
  Vault,
} from '@daybook/kernel/ports/outside.ts';
import type { Topics } from '@daybook/kernel/ports/topics.ts';
import type { AnyProcess } from '@daybook/kernel/process.ts';
import type { AnyProjection } from '@daybook/kernel/projection.ts';
import type { ConfigOf, SettingsSchema } from './config/settings.ts';
import type { Database } from './database/database.ts';
import type { Wakeups } from './database/wakeups.ts';
import type { EngineWatch } from './engines/engine-watch.ts';
import type { LogWatch } from './event-store/log-watch.ts';
import type { OpenApiFragment } from './http/openapi.ts';
import type { MessageCodec } from './registry/codec.ts';
import type { RelayOutput } from './relay/relay-output.ts';
import type { AccessTokens } from './tokens/access-tokens.ts';

/** What holds the services up: every port, opened from configuration. Services take what they need of it. */
export type Platform = Readonly<{
  log: Log;
  clock: Clock;
  ids: Ids;
  database: Database;
  wakeups: Wakeups;
  /** Checked against the contracts and sealing: see `event-store/contract-store.ts`. */
  eventStore: EventStore;
  /** Whether the engines below are there. */
  engines: EngineWatch;
  /** Tells consumers when the log is not the one that they took in. */
  logWatch: LogWatch;
  topics: Topics;
  /** Where the relay publishes the log. */
  relayOutput: RelayOutput;
  registry: SchemaRegistry;
  codec: MessageCodec;
  vault: Vault;
  mail: Mail;
  objects: ObjectStore;
  outbound: OutboundHttp;
  tokens: AccessTokens;
  /** Idempotent; in reverse order of opening. */
  close(): Promise<void>;
}>;

export type ServiceName = 'command-service' | 'query-service' | 'projectors' | 'sagas' | 'scrapers';

/**
 * Whether a service can do its work, part by part, with the reason where it cannot. A degraded one answers requests while
 * some of its work waits for an engine that is away.
 */
export type Readiness = Readonly<{
  ready: boolean;
  degraded?: true;
  parts: Readonly<Record<string, Readonly<{ ready: boolean; degraded?: true; detail?: string }>>>;
}>;

export type RunningService = Readonly<{
  /** Its share of the HTTP interface; only command-service and query-service have one. */
  routers?: readonly Router[];
  /** The share's part of the OpenAPI document. */
  openapi?: OpenApiFragment;
  /** How other services of the same process send commands. */
  commandSender?: CommandSender;
  ready(): Promise<Readiness>;
  /** Finishes what is in hand, leaves its groups. Idempotent. */
  stop(): Promise<void>;
}>;

/** Definitions of services as data: pure, so that another service may fold with them, and told by the host, not imported. */
export type Models = Readonly<{ projections: readonly AnyProjection[]; processes: readonly AnyProcess[] }>;

/** What a service is told of the others. */
export type ServiceLinks = Readonly<{
  /** In one process the command bus itself, else its HTTP client. */
  commandSender: CommandSender;
  /** Aborts when the process begins to stop: answers without an end, such as streams of events, end then. */
  stopping: AbortSignal;
  models: Models;
}>;

/** A service with its own part of the configuration. */
export type ServiceDefinition<S extends SettingsSchema> = Readonly<{
  name: ServiceName;
  /** What it reads of the environment beside `platformSettings`: `daybookSettings.pick({ … })`. */
  settings: S;
  start(platform: Platform, links: ServiceLinks, config: ConfigOf<S>): Promise<RunningService>;
}>;

/** A service: started alone or together with the others by the same code. */
export type Service = Readonly<{
  name: ServiceName;
  settings: SettingsSchema;
  /** `config` was loaded with a schema that holds `settings`. */
  start(platform: Platform, links: ServiceLinks, config: unknown): Promise<RunningService>;
}>;

/** Closes a service over its settings. The cast is sound: hosts load them with the schema that stands beside. */
export function defineService<S extends SettingsSchema>(definition: ServiceDefinition<S>): Service {
  return {
    name: definition.name,
    settings: definition.settings,
    start: (platform, links, config) => definition.start(platform, links, config as ConfigOf<S>),
  };
}
