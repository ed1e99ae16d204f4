import { beginning, readPlace, type Position, type RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { AnyProjection, Row } from '@daybook/kernel/projection.ts';
import { causesOf, type FindEvents } from './causes.ts';
import { effectsOf, type Followers, type Waiting } from './effects.ts';
import type { Explained, ExplainedEvent, Explanation } from './explanation.ts';
import { masked } from './masked.ts';
import { readRowEvents, type ReadLimits } from './row-events.ts';
import { differingColumns, foldRow, type RowEvent, type RowHistory } from './row-history.ts';
import { readKey } from './row-key.ts';
import { eventAt, eventsAt, type TenantLog } from './tenant-log.ts';

export type LineageOptions = Readonly<{
  /** Those of this build: their folds are run again. */
  projections: readonly AnyProjection[];
  eventStore: Pick<EventStore, 'read' | 'at'>;
  forTenant: (tenantId: string) => TenantLog;
  /** What processes still have waiting of some correlations. */
  waiting: (tenantId: string, correlationIds: readonly string[]) => Promise<readonly Waiting[]>;
  limits?: ReadLimits;
}>;

export type ExplainRequest = Readonly<{
  tenantId: string;
  readModel: string;
  /** As `printKey` writes it. */
  key: string;
  /** Only events that changed it. */
  column?: string;
  /** How many of the newest events are told of. Default 20. */
  most?: number;
}>;

/** Explains rows of read models, and single columns of them, by the events that made them. */
export type Lineage = Readonly<{
  /** @throws `unavailable` · `timeout` */
  explain: (request: ExplainRequest) => Promise<Explained>;
}>;

/** Most events of a correlation that are looked at for what led to what. */
const mostFollowers = 1_000;
/** Most nodes of the tree of one event's effects. */
const mostEffects = 200;

/**
 * Makes lineage out of what is there already: the row's events are found from its key, folded again by the projection
 * itself and compared step by step; causes stand in the events; effects are found by correlation. Nothing is kept for it.
 * What is of another tenant does not exist for it.
 */
export function makeLineage(options: LineageOptions): Lineage {
  const { projections } = options;
  return {
    explain: async (request) => {
      const { readModel, column, tenantId } = request;
      const projection = projections.find(({ name }) => name === readModel);
      if (projection === undefined)
        return { is: 'readModelUnknown', known: projections.map(({ name }) => name) };
      const columns = Object.keys(projection.table.columns);
      if (column !== undefined && !columns.includes(column)) return { is: 'columnUnknown', known: columns };
      const read = readKey(projection, request.key);
      if ('problem' in read) return { is: 'keyMalformed', problem: read.problem };
      const log = options.forTenant(tenantId);
      const folded = await historyOf(projection, read.key, request, log, options);
      if (folded.history.touched === 0) return { is: 'nothing' };
      const row = await log.row(readModel, read.key);
      const events = await explained(folded.history.newest, tenantId, log, options);
      const explanation = explanationOf(projection, request, { key: read.key, row, events, ...folded });
      return { is: 'explained', explanation };
    },
  };
}

type Folded = Readonly<{ history: RowHistory; complete: boolean }>;

async function historyOf(
  projection: AnyProjection,
  key: Row,
  { tenantId, column, most = 20 }: ExplainRequest,
  log: TenantLog,
  { eventStore, limits }: LineageOptions,
): Promise<Folded> {
  const folding = foldRow(projection, key, { most, ...(column === undefined ? {} : { column }) });
  const complete = await readRowEvents(
    { projection, key, tenantId, eventStore, log, ...(limits === undefined ? {} : { limits }) },
    folding.take,
  );
  return { history: folding.history(), complete };
}

type Parts = Folded & Readonly<{ key: Row; row: Row | null; events: readonly ExplainedEvent[] }>;

function explanationOf(projection: AnyProjection, request: ExplainRequest, parts: Parts): Explanation {
  const { key, row, events, history, complete } = parts;
  return {
    readModel: projection.name,
    key,
    column: request.column ?? null,
    row: masked(row) as Row | null,
    differs: complete ? differingColumns(projection, row, history.row) : [],
    lastChanged: history.lastChanged,
    total: history.total,
    complete,
    events,
  };
}

async function explained(
  newest: readonly RowEvent[],
  tenantId: string,
  log: TenantLog,
  { eventStore, waiting }: LineageOptions,
): Promise<readonly ExplainedEvent[]> {
  const own = (event: RecordedEvent | null): RecordedEvent | null =>
    event?.metadata.tenantId === tenantId ? event : null;
  const correlationIds = [...new Set(newest.map(({ event }) => event.metadata.correlationId))];
  const correlated = async (ids: readonly string[], from: Position): Promise<readonly RecordedEvent[]> => {
    const places = await log.placesOfCorrelations(ids, { from, most: mostFollowers });
    return (await eventsAt(eventStore, places)).filter((event) => own(event) !== null);
  };
  const followers: Followers = {
    events: await correlated(correlationIds, newest[0]?.event.position ?? beginning),
    waiting: await waiting(tenantId, correlationIds),
  };
  const whole = remembered((correlationId) => correlated([correlationId], beginning));
  const find: FindEvents = {
    at: remembered(async (ref) => {
      const place = readPlace(ref);
      return place === null ? null : own(await eventAt(eventStore, place));
    }),
    named: async (correlationId, id) => {
      const known = await whole(correlationId);
      const event = known.find((one) => one.id === id);
      return event ?? known.find(({ metadata }) => metadata.commandId === id) ?? null;
    },
  };
  const all = newest.map((rowEvent) => explainedEvent(rowEvent, followers, find));
  return (await Promise.all(all)).toReversed();
}

async function explainedEvent(
  { event, changes }: RowEvent,
  followers: Followers,
  find: FindEvents,
): Promise<ExplainedEvent> {
  const { position, id, type, stream, revision, recordedAt, metadata } = event;
  const { actor, commandId, command = null, correlationId, traceparent } = metadata;
  return {
    position,
    id,
    type,
    stream,
    revision,
    recordedAt,
    actor,
    command: { id: commandId, name: command },
    request: { correlationId, traceId: traceparent?.split('-')[1] ?? null },
    changes: changes.map(({ column, before, after }) => ({
      column,
      before: masked(before),
      after: masked(after),
    })),
    causes: await causesOf(event, find),
    effects: effectsOf(event, ofCorrelation(followers, correlationId), mostEffects),
  };
}

function ofCorrelation({ events, waiting }: Followers, correlationId: string): Followers {
  return {
    events: events.filter(({ metadata }) => metadata.correlationId === correlationId),
    waiting: waiting.filter((one) => one.correlationId === correlationId),
  };
}

/** Events of one row have much of their past in common. */
function remembered<T>(find: (name: string) => Promise<T>): (name: string) => Promise<T> {
  const known = new Map<string, Promise<T>>();
  return (name) => {
    let found = known.get(name);
    if (found === undefined) known.set(name, (found = find(name)));
    return found;
  };
}
