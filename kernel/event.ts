/** What is recorded: events, their metadata, and the names and numbers that place them in the log. */

/** `category-id`; the category is camelCase and owned by one capability, the id holds no further meaning. */
export type StreamName = `${string}-${string}`;

/** Zero-based number of an event in its stream. -1 stands for a stream without events. */
export type Revision = number;

declare const positionBrand: unique symbol;
/**
 * Place of an event in the whole log: a printable string whose code-unit order is the log's order.
 * Only the store that issued a position gives it meaning; everyone else compares and keeps it.
 */
export type Position = string & { readonly [positionBrand]: true };

/** The position before the first event. */
export const beginning = '00000000000000000000' as Position;

/** The largest of some positions; `beginning` for none. */
export function latest(...positions: readonly Position[]): Position {
  return positions.reduce((a, b) => (b > a ? b : a), beginning);
}

/** Who caused a change. `id` is a user id, an API key id, or the name of a process or system part. */
export type Actor = Readonly<{ kind: 'user' | 'apiKey' | 'process' | 'system' | 'anonymous'; id: string }>;

/** A step on the way from a recorded event to a command: what was said, waited for or done in between. */
export type Step = Readonly<{
  kind: 'event' | 'message' | 'timer' | 'effect';
  /** Type of the event or message, name of the timer or effect. */
  name: string;
  /** Where the event stands (`product-…@12`), else the id of the message, timer or effect. */
  ref: string;
  /** ISO 8601, UTC: when it was recorded, published, due or asked for. */
  at: string;
}>;

/** Stands on every event and every topic message made from one. */
export type Metadata = Readonly<{
  /** Version of the event's schema in which `data` is written. */
  schemaVersion: number;
  tenantId: string;
  actor: Actor;
  /** The command whose handling recorded the event. */
  commandId: string;
  /** Its name. Absent on topic messages, and on events recorded before it was kept. */
  command?: string;
  /** Shared by everything that one request led to. */
  correlationId: string;
  /** The event or command that directly caused the command; absent where a person did. */
  causationId?: string;
  /**
   * The way from the last recorded event to the command, in order; the event itself comes first. Absent where a request
   * led to it. Messages and timers are not kept for ever: what is known of them later stands here.
   */
  steps?: readonly Step[];
  /** W3C trace context of the request. */
  traceparent?: string;
}>;

/** The business part of an event: what happened, as plain data. */
export type Event<T extends string = string, D = unknown> = Readonly<{ type: T; data: Readonly<D> }>;

/** An event on its way to the store. The id makes its append idempotent. */
export type NewEvent<E extends Event = Event> = E & Readonly<{ id: string; metadata: Metadata }>;

/** An event as the store recorded it. */
export type RecordedEvent<E extends Event = Event> = NewEvent<E> &
  Readonly<{
    stream: StreamName;
    revision: Revision;
    position: Position;
    /** ISO 8601, UTC, milliseconds. Set by the store; order never depends on it. */
    recordedAt: string;
  }>;

/** Where an event stands, as steps name it: `product-…@12`. */
export function printPlace({
  stream,
  revision,
}: Readonly<{ stream: StreamName; revision: Revision }>): string {
  return `${stream}@${String(revision)}`;
}

/** The place that `printPlace` wrote; null for any other text. */
export function readPlace(text: string): Readonly<{ stream: StreamName; revision: Revision }> | null {
  const [, stream, revision] = /^([^-@]+-.+)@(\d+)$/.exec(text) ?? [];
  return stream === undefined ? null : { stream: stream as StreamName, revision: Number(revision) };
}

/** The id part of a stream name: everything after the first hyphen. */
export function streamId(stream: StreamName): string {
  return stream.slice(stream.indexOf('-') + 1);
}

/** The category part of a stream name: everything before the first hyphen. */
export function streamCategory(stream: StreamName): string {
  return stream.slice(0, stream.indexOf('-'));
}
