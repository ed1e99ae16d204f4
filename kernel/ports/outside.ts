/** The remaining ports: what the platform needs of the world, each with its promises. */
import type { Metadata } from '../event.ts';
import type { CommandCall } from '../command.ts';
import type { Rejection } from '../decider.ts';

/** Wall time. Order never depends on it. */
export interface Clock {
  /** ISO 8601, UTC, milliseconds. */
  now(): string;
}

export interface Ids {
  /** A time-ordered uuid (version 7). */
  next(): string;
}

export type LogFields = Readonly<Record<string, unknown>>;

/** Structured log: the message is constant, variables are fields. Fields named like secrets are redacted. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log whose lines all carry these fields. */
  with(fields: LogFields): Log;
}

/** Whose data key seals a value: a person's, a tenant's, or the installation's own. */
export type KeyOwner = Readonly<{ kind: 'subject' | 'tenant' | 'system'; id: string }>;

/** What a sealed value opens to once its owner's key was destroyed. */
export const erased = '[erased]';

/** Seals and opens fields. AES-256-GCM under a data key per owner, wrapped by the key-encryption key. */
export interface Vault {
  /** A printable sealed form, `sealed:…`. A value that is already sealed for this owner is returned as it is. */
  seal(owner: KeyOwner, plain: string): Promise<string>;
  /**
   * The plain value, or `erased` where the owner's key was destroyed.
   * @throws `key-unknown` when the key-encryption key is missing or wrong, or the value was tampered with.
   */
  open(sealed: string): Promise<string>;
  /** Destroys the owner's data key: everything sealed for it is erased everywhere. Idempotent. */
  erase(owner: KeyOwner): Promise<void>;
  /** Keyed hash (HMAC-SHA-256, hex), one key a purpose: for look-ups of guessable values and for tokens. */
  hash(purpose: string, value: string): string;
}

/** True for what `Vault.seal` made. */
export function isSealed(value: unknown): value is string {
  return typeof value === 'string' && value.startsWith('sealed:');
}

export type MailMessage = Readonly<{ to: string; subject: string; text: string; html?: string }>;

export interface Mail {
  /** Resolves once handed over. The same id again is sent at most once more. */
  send(id: string, message: MailMessage): Promise<void>;
}

/** Immutable blobs by the SHA-256 (hex) of their uncompressed bytes. */
export interface ObjectStore {
  /** Idempotent. Answers with the hash. */
  put(bytes: Uint8Array): Promise<string>;
  get(hash: string): Promise<Uint8Array | null>;
}

export type OutboundRequest = Readonly<{
  url: string;
  method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  headers?: Readonly<Record<string, string>>;
  body?: string | Uint8Array;
  /** Whole request, redirects included. Default 30 000. */
  timeoutMs?: number;
  /** Of the decompressed body. Default 5 MiB. */
  maxBytes?: number;
  /** Default 5; 0 answers the redirect itself. */
  maxRedirects?: number;
}>;

export type OutboundResponse = Readonly<{
  /** After redirects. */
  url: string;
  status: number;
  /** Lower-case names; repeated ones joined by `, `. */
  headers: Readonly<Record<string, string>>;
  body: Uint8Array;
}>;

/** HTTP to the outside. Private, loopback, link-local and metadata addresses are refused after every resolution. */
export interface OutboundHttp {
  /**
   * @throws `address-forbidden` · `response-too-large` · `redirect-loop` · `timeout` · `outside-failed` (no answer).
   *   A status of 400 or more is an answer, not an error.
   */
  fetch(request: OutboundRequest): Promise<OutboundResponse>;
}

/** A schema registry: names are `subject`s, ids are what stands in the framing of messages. */
export interface SchemaRegistry {
  /** Registers a version or finds it. @throws `schema-incompatible` */
  register(subject: string, schema: string): Promise<number>;
  /** @throws `schema-unknown` */
  schemaOf(id: number): Promise<string>;
  /** Registered schemas of a subject, oldest first; empty for an unknown one. */
  versions(subject: string): Promise<readonly Readonly<{ id: number; version: number; schema: string }>[]>;
}

/** What became of a command that was sent by name. */
export type CommandResult =
  | Readonly<{ ok: true; streamId: string; revision: number; position: string; answer: unknown }>
  | Readonly<{ ok: false; rejection: Rejection }>;

/** Sends commands to the command service, in the same process or over HTTP. */
export interface CommandSender {
  /**
   * At most once in effect for one command id, however often it is sent.
   * @throws `unavailable` · `timeout`
   */
  send(call: CommandCall, delivery: CommandDelivery): Promise<CommandResult>;
}

export type CommandDelivery = Readonly<
  Pick<
    Metadata,
    'tenantId' | 'actor' | 'commandId' | 'correlationId' | 'causationId' | 'steps' | 'traceparent'
  >
>;
