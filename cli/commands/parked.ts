import { randomUUID } from 'node:crypto';
import { systemClock } from '@daybook/infra/ambient.ts';
import { postgresWakeups } from '@daybook/infra/database/wakeups.ts';
import { explain } from '@daybook/infra/parking/explanation.ts';
import { findParked, listParked, type Parked, type ParkedFilter } from '@daybook/infra/parking/parked.ts';
import { parkingLot, type ParkingLot } from '@daybook/infra/parking/parked-acts.ts';
import { listDecisions } from '@daybook/infra/parking/parked-decisions.ts';
import { recordedConsumers } from '@daybook/infra/parking/recorded-consumers.ts';
import { projectionConsumer } from '@daybook/infra/runtime/checkpoints.ts';
import { makeCommandBus, type CommandBus } from '@daybook/infra/runtime/command-bus.ts';
import { postgresTopics } from '@daybook/infra/topics/postgres-topics.ts';
import { operationsCommands } from '@daybook/command-service/operations/commands.ts';
import { parked as decisions } from '@daybook/command-service/operations/parked.ts';
import { currentVersion } from '@daybook/schemas/contracts.ts';
import type { ParkedOptions } from '../program.ts';
import { exitCodes, type ExitCode } from '../sentences.ts';
import { loadModels } from '../services.ts';
import { withStoredLog, type StoredLog } from '../stored-log.ts';
import { decidedLine, parkedLine, parkedLines } from '../terminal/parked.ts';
import { writeJson, writeLines } from '../terminal/printable.ts';

/** Most lines of a list, and what is looked at in one go. */
const pageSize = 100;

/** Prints what is parked, of all tenants, longest first; or what was decided about before. */
export function printParked(options: ParkedOptions): Promise<ExitCode> {
  return withStoredLog(options, 'parked', async ({ database }) => {
    if (options.closed) {
      const closed = await listDecisions(database.pool, filterOf(options), pageSize + 1);
      writePage(options, closed, 'Nothing was decided.', decidedLine);
      return exitCodes.ok;
    }
    const found = await listParked(database.pool, filterOf(options), { limit: pageSize + 1 });
    writePage(options, found, 'Nothing is parked.', parkedLine);
    return exitCodes.ok;
  });
}

function writePage<T>(
  options: ParkedOptions,
  found: readonly T[],
  nothing: string,
  line: (one: T) => string,
): void {
  write(options, found.slice(0, pageSize), pageLines(found, nothing, line));
}

/** The lines of a page; more than fit on it are told of. */
export function pageLines<T>(
  found: readonly T[],
  nothing: string,
  line: (one: T) => string,
): readonly string[] {
  if (found.length === 0) return [nothing];
  const more = found.length > pageSize ? ['… and more: choose with --consumer, --kind or --tenant.'] : [];
  return [...found.slice(0, pageSize).map(line), ...more];
}

/** Prints one thing that is parked, with the cause in plain words and what to do. */
export function showParked(parkedId: string, options: ParkedOptions): Promise<ExitCode> {
  return withStoredLog(options, 'parked', async ({ database }) => {
    const parked = await findParked(database.pool, parkedId);
    const [decided] = await listDecisions(database.pool, { parkedId }, 1);
    if (parked === undefined && decided === undefined) return refuse(unknown(parkedId));
    const lines = parked === undefined ? [] : parkedLines(parked, explain(parked));
    write(
      options,
      { ...parked, explanation: parked === undefined ? null : explain(parked), decision: decided ?? null },
      [...lines, ...(decided === undefined ? [] : [decidedLine(decided)])],
    );
    return exitCodes.ok;
  });
}

/**
 * Retries one thing, or all of a consumer, a kind or a tenant. The decision is recorded as over HTTP, and then carried
 * out from here: it needs none of the services, though what is retried is handled by them.
 */
export function retryParked(parkedId: string | undefined, options: ParkedOptions): Promise<ExitCode> {
  return withStoredLog(options, 'parked', async (opened) => {
    const house = openHouse(opened);
    try {
      if (parkedId !== undefined) return await actOnOne(house, opened, parkedId, { command: 'RetryParked' });
      const filter = filterOf(options);
      if (Object.keys(filter).length === 0) {
        return refuse('Name what is to be retried, or choose with --consumer, --kind or --tenant.');
      }
      const strange = await strangeConsumer(opened, filter);
      return strange === undefined ? await retryAll(house, opened, filter) : refuse(strange);
    } finally {
      await house.close();
    }
  });
}

/** Gives one thing up for good, with a reason that is recorded. */
export function skipParked(parkedId: string, options: ParkedOptions): Promise<ExitCode> {
  return withStoredLog(options, 'parked', async (opened) => {
    const house = openHouse(opened);
    try {
      return await actOnOne(house, opened, parkedId, { command: 'SkipParked', reason: options.reason ?? '' });
    } finally {
      await house.close();
    }
  });
}

type House = Readonly<{
  bus: CommandBus;
  lot: ParkingLot;
  eventStore: StoredLog['eventStore'];
  close: () => Promise<void>;
}>;

function openHouse({ database, eventStore, log }: StoredLog): House {
  const wakeups = postgresWakeups(database, log);
  const topics = postgresTopics({ database, wakeups, log, retention: { everyMs: 0 } });
  return {
    bus: makeCommandBus({
      commands: operationsCommands({ parked: { find: (id) => findParked(database.pool, id) } }),
      eventStore,
      schemaVersion: currentVersion,
      clock: systemClock,
      log,
    }),
    lot: parkingLot({ database, topics, wakeups }),
    eventStore,
    close: async () => {
      await topics.close();
      await wakeups.close();
    },
  };
}

type Decision = Readonly<{ command: 'RetryParked' | 'SkipParked'; reason?: string }>;

async function actOnOne(
  house: House,
  { database }: StoredLog,
  parkedId: string,
  decision: Decision,
): Promise<ExitCode> {
  const parked = await findParked(database.pool, parkedId);
  const [decided] = parked === undefined ? await listDecisions(database.pool, { parkedId }, 1) : [];
  if (parked === undefined) {
    return refuse(decided === undefined ? unknown(parkedId) : `${parkedId} is parked no longer.`);
  }
  const outcome = await act(house, parked, decision);
  if (outcome.is === 'refused') return refuse(`${parkedId}: ${outcome.detail}`);
  if (outcome.is === 'gone') {
    return refuse(`${parkedId} is parked no longer, or it failed anew meanwhile: nothing was done about it.`);
  }
  writeLines([
    decision.command === 'RetryParked'
      ? `${parkedId} is handed back to ${parked.consumer}.`
      : `${parkedId} is given up; what waited behind it goes on.`,
  ]);
  return exitCodes.ok;
}

async function retryAll(house: House, { database }: StoredLog, filter: ParkedFilter): Promise<ExitCode> {
  const outcomes: Outcome[] = [];
  let after: Readonly<{ firstFailedAt: string; parkedId: string }> | undefined;
  for (;;) {
    const page = await listParked(database.pool, filter, {
      limit: pageSize,
      ...(after === undefined ? {} : { after }),
    });
    for (const parked of page) {
      if (parked.status === 'parked') outcomes.push(await act(house, parked, { command: 'RetryParked' }));
    }
    after = page.at(-1);
    if (page.length < pageSize) break;
  }
  writeLines(retriedLines(outcomes));
  return outcomes.some(({ is }) => is === 'refused') ? exitCodes.failed : exitCodes.ok;
}

/** What became of all that was to be retried, counted. */
export function retriedLines(outcomes: readonly Outcome[]): readonly string[] {
  const count = (is: Outcome['is']): number => outcomes.filter((one) => one.is === is).length;
  const details = new Set(outcomes.flatMap((one) => (one.is === 'refused' ? [one.detail] : [])));
  return [
    `${String(count('done'))} handed back.`,
    ...(count('gone') > 0
      ? [`${String(count('gone'))} not handed back: parked no longer, or failed anew meanwhile.`]
      : []),
    ...(count('refused') > 0 ? [`${String(count('refused'))} refused: ${[...details].join(' ')}`] : []),
  ];
}

/** What is wrong with a consumer that nobody has: its name is mistyped. */
async function strangeConsumer(
  { database }: StoredLog,
  { consumer }: ParkedFilter,
): Promise<string | undefined> {
  if (consumer === undefined) return undefined;
  const { projections, processes } = await loadModels();
  const known = new Set([
    ...projections.map((projection) => projectionConsumer(projection).group),
    ...processes.map(({ name }) => name),
    ...(await recordedConsumers(database.pool)),
  ]);
  if (known.has(consumer)) return undefined;
  return `There is no consumer "${consumer}". Known: ${[...known].sort().join(', ')}.`;
}

/** What became of a decision; `gone`: it was parked no longer when it was carried out. */
export type Outcome = Readonly<{ is: 'done' | 'gone' } | { is: 'refused'; detail: string }>;

/** Records the decision and carries it out. */
async function act(
  { bus, lot, eventStore }: House,
  { parkedId, failedAt, tenantId }: Parked,
  { command, ...more }: Decision,
): Promise<Outcome> {
  const commandId = randomUUID();
  const result = await bus.send(
    { command, input: { parkedId, ...more } },
    { tenantId, actor: { kind: 'system', id: 'operator' }, commandId, correlationId: commandId },
  );
  if (!result.ok) return { is: 'refused', detail: result.rejection.detail };
  const done = await lot[command === 'RetryParked' ? 'retry' : 'skip']({ parkedId, failedAt });
  // A service that runs may have been quicker to carry out what was recorded here.
  return { is: done || (await lastDecision(eventStore, parkedId)) === commandId ? 'done' : 'gone' };
}

/** The command of the last decision about something. */
async function lastDecision(
  eventStore: StoredLog['eventStore'],
  parkedId: string,
): Promise<string | undefined> {
  for await (const [last] of eventStore.read(`${decisions.category}-${parkedId}`, {
    direction: 'backwards',
    limit: 1,
  })) {
    return last?.metadata.commandId;
  }
  return undefined;
}

function filterOf({ consumer, kind, tenant }: ParkedOptions): ParkedFilter {
  return {
    ...(consumer === undefined ? {} : { consumer }),
    ...(kind === undefined ? {} : { kind }),
    ...(tenant === undefined ? {} : { tenantId: tenant }),
  };
}

function write({ json }: ParkedOptions, data: unknown, lines: readonly string[]): void {
  if (json) writeJson(data);
  else writeLines(lines);
}

function unknown(parkedId: string): string {
  return `Nothing parked has the id ${parkedId}. "daybook parked list" names what is.`;
}

function refuse(sentence: string): ExitCode {
  writeLines([sentence], process.stderr);
  return exitCodes.usage;
}
