/** What an explanation says: the row, the events that made it, what led to each and what each led to. */
import type { Actor, Position } from '@daybook/kernel/event.ts';
import type { Row } from '@daybook/kernel/projection.ts';

/** One thing that happened on the way to an event, or after it. */
export type LineageNode = Readonly<{
  /** `cause`: something that nothing more is known of. */
  kind: 'event' | 'command' | 'message' | 'timer' | 'effect' | 'request' | 'cause';
  /** Type of the event or message, name of the command, timer or effect; null where nobody kept it. */
  name: string | null;
  /** Place of the event (`product-…@12`), id of the others (request: the correlation id); null for another tenant's. */
  id: string | null;
  /** ISO 8601, UTC; null where it is not known. */
  at: string | null;
  /** Who gave the command, or made the request. */
  actor: Actor | null;
  /** Of what is not done yet, or never will be. */
  state: 'pending' | 'rejected' | 'dead' | 'waiting' | null;
}>;

/** A node in a list that spells a tree: its children follow it with a depth of one more. */
export type PlacedNode = LineageNode & Readonly<{ depth: number }>;

export type ColumnChange = Readonly<{ column: string; before: unknown; after: unknown }>;

/** The request that everything of one correlation goes back to. */
export type RequestTrace = Readonly<{
  correlationId: string;
  /** W3C trace id, where the request was traced. */
  traceId: string | null;
}>;

/** An event that touched the row. */
export type ExplainedEvent = Readonly<{
  position: Position;
  id: string;
  type: string;
  stream: string;
  revision: number;
  recordedAt: string;
  actor: Actor;
  command: Readonly<{ id: string; name: string | null }>;
  request: RequestTrace;
  /** What it changed in the row; sealed values are masked. */
  changes: readonly ColumnChange[];
  /** What led to it, nearest first. */
  causes: readonly LineageNode[];
  /** What it led to, a tree in order of time. */
  effects: readonly PlacedNode[];
}>;

export type Explanation = Readonly<{
  readModel: string;
  key: Row;
  column: string | null;
  /** As the read model shows it; null where it shows none, since it was removed or is not there yet. */
  row: Row | null;
  /** Columns in which the events say something else than the row: empty once the read model is up to date. */
  differs: readonly string[];
  /** Position of the event that last changed each column. */
  lastChanged: Readonly<Record<string, Position>>;
  /** How many events touched the row, or changed the column. */
  total: number;
  /** False where the log holds more events of the row's kind than an explanation reads. */
  complete: boolean;
  /** Newest first. */
  events: readonly ExplainedEvent[];
}>;

/** What asking for an explanation comes to. */
export type Explained =
  | Readonly<{ is: 'explained'; explanation: Explanation }>
  /** No event of the tenant has to do with such a row. */
  | Readonly<{ is: 'nothing' }>
  | Readonly<{ is: 'readModelUnknown'; known: readonly string[] }>
  | Readonly<{ is: 'columnUnknown'; known: readonly string[] }>
  | Readonly<{ is: 'keyMalformed'; problem: string }>;
