import { setTimeout as pause } from 'node:timers/promises';
import { beginning, type Position, type RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { AnyProjection, Row } from '@daybook/kernel/projection.ts';
import { InputRefused, refusing } from '../batch-handler.ts';
import type { Checkpoint } from '../checkpoints.ts';
import { foldBatch, touchesOf, type RowChanges, type TouchedRow } from '../fold-batch.ts';
import { foldBuffer, type FoldBuffer } from '../fold-buffer.ts';
import type { WrittenBatch } from '../read-model-rows.ts';
import type { PartitionOf } from '../tenant-partitions.ts';
import type { ReadModelBuild } from './builds.ts';
import {
  endOf,
  isMissing,
  moveBetween,
  movedUpTo,
  startOf,
  type FoldTarget,
  type Refusal,
} from './fold-target.ts';

/** One pass over the log, from the least of a build's checkpoints to where it is to end. */
export type FoldPassOptions = Readonly<{
  build: ReadModelBuild;
  eventStore: EventStore;
  partitionOf: PartitionOf;
  /** As they stand; whoever moves one meanwhile ends the pass. */
  checkpoints: readonly Checkpoint[];
  target: FoldTarget;
  /** Events that cannot be taken in, by tenant: what follows them is left out. The pass adds those that it meets. */
  refusals: Map<string, Refusal>;
  /** Ids of events that are left out where they cannot be taken in. Default: none. */
  skipped?: ReadonlySet<string>;
  /** Ids of events that are left out. Default: none. */
  leftOut?: ReadonlySet<string>;
  load: (touched: Iterable<TouchedRow>) => Promise<ReadonlyMap<string, Row>>;
  /** Writes rows and checkpoints, all or none; false where somebody else moved a checkpoint. @throws InputRefused */
  write: (batches: readonly WrittenBatch[]) => Promise<boolean>;
  tableWasEmpty: boolean;
  /** Up to there each event is written by itself, to find the one that the database refuses. */
  careful?: Position;
  /** Events folded in one go. Default 500: larger pages outlive the young generation and cost more than they save. */
  pageSize?: number;
  /** Part of the time that it works, above 0; for the rest of it, it pauses. Default 1. */
  share?: number;
  signal: AbortSignal;
  /** Called after each page with how many events were read so far. */
  onPage?: (events: number) => void;
  /** Called after each write. */
  onProgress?: (events: number, upTo: Position) => void;
}>;

/** Rows, and events, after which what was folded is written: as much is repeated after a death. */
const rowsPerWrite = 2_000;
const eventsPerWrite = 20_000;
/** Where others are to have the machine between writes: a write of 2,000 rows keeps a processor from them for 30 ms. */
const rowsPerShortWrite = 500;

/** A write that the database refuses: of one event, or of one of many up to a position. */
export class WriteRefused extends Error {
  readonly upTo: Position;
  /** Null where it is one of many. */
  readonly event: RecordedEvent | null;
  /** The position of the event before it. */
  readonly heldAt: Position;

  constructor(at: Pick<WriteRefused, 'upTo' | 'event' | 'heldAt'>, cause: InputRefused) {
    super(cause.message, { cause });
    this.upTo = at.upTo;
    this.event = at.event;
    this.heldAt = at.heldAt;
  }
}

/**
 * Reads page after page and folds it in memory, while what was folded before is written. Answers with how many events it
 * read, or that somebody else moved a checkpoint: what was written before that stands.
 * @throws WriteRefused · what the store and the database throw
 */
export async function foldPass(options: FoldPassOptions): Promise<number | 'overtaken'> {
  const { eventStore, target, refusals, signal, careful = beginning, pageSize = 500 } = options;
  const after = startOf(options.checkpoints, target, refusals);
  if (after === null) return 0;
  const end = endOf(target);
  const fold = foldFrom(after, { ...options, careful });
  const rest = restBetween(fold, options);
  for await (const page of pagesFrom(eventStore, after, { careful, pageSize })) {
    if (signal.aborted) break;
    if (!(await fold.take(page))) return 'overtaken';
    if (end !== null && (page.at(-1)?.position ?? end) >= end) break;
    if (!(await rest())) return 'overtaken';
  }
  return fold.finish();
}

type Fold = Readonly<{
  /** Folds a page; false where somebody else moved a checkpoint. */
  take: (page: readonly RecordedEvent[]) => Promise<boolean>;
  /** Waits for the write under way; false where somebody else moved a checkpoint. */
  written: () => Promise<boolean>;
  /** Writes the rest; answers with how many events were taken. */
  finish: () => Promise<number | 'overtaken'>;
}>;

function foldFrom(after: Position, options: FoldPassOptions & Readonly<{ careful: Position }>): Fold {
  const { target, refusals, careful, share = 1 } = options;
  const mostRows = share < 1 ? rowsPerShortWrite : rowsPerWrite;
  const buffer = foldBuffer(options.load, { tableWasEmpty: options.tableWasEmpty });
  let { checkpoints } = options;
  let events = 0;
  let unwritten = 0;
  let upTo = after;
  let writing: Promise<boolean> = Promise.resolve(true);

  /** Waits for the write under way and begins the next; false where somebody else moved a checkpoint. */
  async function write(only: RecordedEvent | null, heldAt: Position): Promise<boolean> {
    if (!(await writing)) return false;
    const before = checkpoints;
    const after = before.map((one) => movedUpTo(one, upTo, target, refusals));
    const [read, readTo] = [events, upTo];
    const changes = buffer.drain();
    const batches = before.map((one, index) => ({
      ...moveBetween(one, after[index] as Checkpoint, refusals),
      // The rows belong to all partitions; they are written only where every checkpoint moves.
      changes: index === 0 ? changes : none,
    }));
    checkpoints = after;
    unwritten = 0;
    writing = options.write(batches).then(
      (moved) => {
        if (moved) options.onProgress?.(read, readTo);
        return moved;
      },
      (error: unknown) => {
        const refused = error instanceof InputRefused;
        throw refused ? new WriteRefused({ upTo: readTo, event: only, heldAt }, error) : error;
      },
    );
    // A failure is seen when the next write waits for this one; until then it is nobody's unhandled rejection.
    writing.catch(() => undefined);
    return true;
  }

  return {
    take: async (page) => {
      const before = upTo;
      const alone = before < careful ? (page[0] ?? null) : null;
      await foldPage(page, { ...options, checkpoints, before }, buffer);
      events += page.length;
      unwritten += page.length;
      upTo = page.at(-1)?.position ?? upTo;
      options.onPage?.(events);
      if (alone !== null) return buffer.waiting() === 0 || ((await write(alone, before)) && writing);
      if (buffer.waiting() < mostRows && unwritten < eventsPerWrite) return true;
      return write(null, before);
    },
    written: () => writing,
    finish: async () => {
      if (unwritten > 0 && !(await write(null, upTo))) return 'overtaken';
      return (await writing) ? events : 'overtaken';
    },
  };
}

const none: RowChanges = { upserts: [], deletes: [] };

/**
 * Leaves the machine to others, for as long as its share of the time asks, once what was folded is written; false where
 * somebody else moved a checkpoint.
 */
function restBetween(
  fold: Fold,
  { share = 1, signal }: Pick<FoldPassOptions, 'share' | 'signal'>,
): () => boolean | Promise<boolean> {
  if (share >= 1) return () => true;
  let workedFrom = performance.now();
  return async () => {
    const moved = await fold.written();
    await pause((performance.now() - workedFrom) * (1 / share - 1), undefined, { signal }).catch(
      () => undefined,
    );
    workedFrom = performance.now();
    return moved;
  };
}

/** Pages of one event as long as care is needed. */
async function* pagesFrom(
  store: EventStore,
  after: Position,
  { careful, pageSize }: Readonly<{ careful: Position; pageSize: number }>,
): AsyncIterable<readonly RecordedEvent[]> {
  let from = after;
  if (from < careful) {
    for await (const [event] of store.readAll({ after, pageSize: 1 })) {
      if (event === undefined) continue;
      yield [event];
      from = event.position;
      if (from >= careful) break;
    }
  }
  yield* store.readAll({ after: from, pageSize });
}

type Folding = FoldPassOptions & Readonly<{ before: Position }>;

async function foldPage(page: readonly RecordedEvent[], options: Folding, buffer: FoldBuffer): Promise<void> {
  const { partitionOf, refusals, before, skipped } = options;
  const { projection } = options.build;
  const missing = await missingOf(page, options);
  if (await foldTogether(projection, missing, buffer).then(() => true, unlessRefused)) return;
  // One of them is at fault: each goes by itself, and what follows the refused one for its tenant is left out.
  for (const event of missing) {
    const { tenantId } = event.metadata;
    if (refusals.has(tenantId)) continue;
    const partition = await partitionOf(tenantId);
    const heldAt = page[page.indexOf(event) - 1]?.position ?? before;
    await foldTogether(projection, [event], buffer).catch((error: unknown) => {
      unlessRefused(error);
      if (skipped?.has(event.id) === true) return;
      refusals.set(tenantId, refusalOf(event, partition, heldAt, (error as InputRefused).message));
    });
  }
}

/** The events of a page that are to be taken in. */
async function missingOf(
  page: readonly RecordedEvent[],
  { build, partitionOf, checkpoints, target, refusals, leftOut }: Folding,
): Promise<readonly RecordedEvent[]> {
  const missing: RecordedEvent[] = [];
  for (const event of page) {
    if (!build.projection.handles.has(event.type) || leftOut?.has(event.id) === true) continue;
    const { tenantId } = event.metadata;
    const partition = partitionOf(tenantId);
    const checkpoint = checkpoints[typeof partition === 'number' ? partition : await partition];
    if (checkpoint === undefined) continue;
    if (isMissing({ position: event.position, tenantId }, checkpoint, target, refusals)) missing.push(event);
  }
  return missing;
}

/** Folds events into the buffer, all or none of them. @throws InputRefused */
async function foldTogether(
  projection: AnyProjection,
  events: readonly RecordedEvent[],
  buffer: FoldBuffer,
): Promise<void> {
  const touches = refusing('projection', () => touchesOf(projection, events));
  const present = await buffer.present(new Set(touches.map(({ row }) => row)));
  buffer.take(refusing('projection', () => foldBatch(projection, touches, present)));
}

/** False for a refusal; anything else is thrown on. */
function unlessRefused(error: unknown): false {
  if (error instanceof InputRefused) return false;
  throw error;
}

/** An event that cannot be taken in, with the place up to which its tenant is. */
export function refusalOf(
  { position, type }: RecordedEvent,
  partition: number,
  heldAt: Position,
  reason: string,
): Refusal {
  return { partition, position, type, heldAt, reason };
}
