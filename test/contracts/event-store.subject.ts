import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { isDaybookError, type DaybookError } from '@daybook/kernel/errors.ts';
import type { Metadata, NewEvent, RecordedEvent, StreamName } from '@daybook/kernel/event.ts';
import type { EventStore, NonEmpty, Pages } from '@daybook/kernel/ports/event-store.ts';

/** A store on a log that nobody wrote to, and its surroundings. */
export type EventStoreSubject = Readonly<{
  store: EventStore;
  /** Another store on the same log, as a second process has it. Closed with the subject. */
  another: () => EventStore;
  /** Opens a transaction on the log's server that has written elsewhere; answers with what ends it. */
  holdTransaction: HoldTransaction;
}>;

/** Opens a transaction in the adapter's own database or in another of its server; answers with what ends it. */
export type HoldTransaction = (where: 'same database' | 'another database') => Promise<() => Promise<void>>;

/** Clauses that mean nothing to a log whose server has no transactions. */
export const clausesOfTransactions = [
  'open-transactions-in-same-database',
  'open-transactions-in-another-database',
] as const;

/** Of a log whose server has none: nothing to hold. */
export const noTransactions: HoldTransaction = () => Promise.resolve(() => Promise.resolve());

export const metadata: Metadata = {
  schemaVersion: 1,
  tenantId: 'tenant',
  actor: { kind: 'user', id: 'ada' },
  commandId: 'command',
  correlationId: 'correlation',
};

export function makeEvent(data: Readonly<Record<string, unknown>> = {}, id: string = randomUUID()): NewEvent {
  return { id, type: 'Happened', data, metadata };
}

/** That many events, numbered in their data. */
export function makeEvents(count: number, from = 0): NonEmpty<NewEvent> {
  return Array.from({ length: count }, (_, index) =>
    makeEvent({ n: from + index }),
  ) as unknown as NonEmpty<NewEvent>;
}

export function newStream(): StreamName {
  return `thing-${randomUUID()}`;
}

/** All events of pages, each page checked to hold some. Stops after `atMost`. */
export async function collect(pages: Pages, atMost = Infinity): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const page of pages) {
    assert.ok(page.length > 0, 'a page is never empty');
    events.push(...page);
    if (events.length >= atMost) break;
  }
  return events;
}

export function ids(events: readonly { id: string }[]): string[] {
  return events.map(({ id }) => id);
}

/** The conflict that an append ends in. */
export async function conflictOf(append: Promise<unknown>): Promise<DaybookError> {
  const outcome = await append.then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(isDaybookError(outcome, 'revision-conflict'), 'the append is a revision-conflict');
  return outcome;
}

/** Throws unless positions strictly increase, and revisions count up from 0 in each stream. */
export function assertWholeLog(events: readonly RecordedEvent[]): void {
  const revisions = new Map<string, number>();
  let last = '';
  for (const { position, stream, revision } of events) {
    assert.ok(position > last, 'positions strictly increase');
    last = position;
    assert.equal(revision, (revisions.get(stream) ?? -1) + 1, 'revisions count up without gaps');
    revisions.set(stream, revision);
  }
}

/** The n-th item, counted round and round. */
export function pick<T>(items: readonly T[], n: number): T {
  return items[n % items.length] as T;
}
