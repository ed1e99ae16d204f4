import { setTimeout as pause } from 'node:timers/promises';
import type { Command, CommandContext, PreparedCommand } from '@daybook/kernel/command.ts';
import type { Rejection } from '@daybook/kernel/decider.ts';
import { DaybookError, isDaybookError, revisionConflict } from '@daybook/kernel/errors.ts';
import {
  beginning,
  streamId,
  type Event,
  type NewEvent,
  type Position,
  type Revision,
} from '@daybook/kernel/event.ts';
import type { Appended, EventStore, NonEmpty } from '@daybook/kernel/ports/event-store.ts';
import type {
  Clock,
  CommandDelivery,
  CommandResult,
  CommandSender,
  Log,
} from '@daybook/kernel/ports/outside.ts';
import type { Schema, SchemaIssue } from '@daybook/kernel/schema.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import { countCommand, countStateLoad } from '../telemetry/metrics.ts';
import { traceparentOut, withSpan } from '../telemetry/tracing.ts';
import { commandScopedId, eventIdOf, precedingCommandId } from './derived-ids.ts';
import {
  foldedStates,
  type EarlierDelivery,
  type RecentState,
  type StreamState,
  type StreamStates,
} from './stream-state.ts';

export type CommandBusOptions = Readonly<{
  commands: readonly Command[];
  eventStore: EventStore;
  /** The version in which events of a type are written: `currentVersion` of the contracts. */
  schemaVersion: (type: string) => number;
  clock: Clock;
  log: Log;
  /** Where states of streams come from. Default: each is folded from its beginning. */
  states?: StreamStates;
  /** Most tries of one delivery against conflicting writers. Default 12. */
  maxTries?: number;
}>;

export type ExecuteOptions = Readonly<{
  /** The revision the caller saw (`If-Match`); another one is a `revision-conflict`. */
  expectedRevision?: Revision;
}>;

/** Handles commands, in this process. It is the `CommandSender` of services that share the process. */
export type CommandBus = CommandSender &
  Readonly<{
    /**
     * Handles one delivery. `input` has passed the command's input schema. A command id that was accepted before gets
     * the first answer again and records nothing, also where that answer was lost.
     * @throws `revision-conflict` (the expected revision is not the stream's, or other writers won every try)
     *   · `unavailable` · `timeout` (unknown whether recorded; repeat with the same command id)
     */
    execute(
      command: Command,
      input: unknown,
      delivery: CommandDelivery,
      options?: ExecuteOptions,
    ): Promise<CommandResult>;
    commands: ReadonlyMap<string, Command>;
  }>;

/** The decision would record events in a stream that is another tenant's, or in none that can be told. */
const notFound: Rejection = { code: 'not-found', detail: 'There is no such thing.' };

/** Pause before a try against conflicting writers: 0 … `conflictPauseMs` times the tries made. */
const conflictPauseMs = 3;

/**
 * Makes the command bus. One delivery goes (in brackets the test that dies there):
 * 1. prepare the command (stream, tenant, looked-up facts)
 *    [command-bus-deaths.unit.spec.ts "a death while preparing: the next delivery completes the command, once"],
 * 2. where a recent state of the stream is kept: decide on it and append at its revision; where nothing would be
 *    appended, or the append finds other events, as if this had not been tried: go on with
 *    [command-bus-deaths.unit.spec.ts "a death on a recent state leaves the command to the next delivery: command.appended"],
 * 3. load and fold the stream
 *    [command-bus-deaths.unit.spec.ts "a death while loading: the next delivery completes the command, once"],
 * 4. answer again where this command id recorded events already
 *    [command-bus-deaths.unit.spec.ts "a death while answering again leaves the answer to the next delivery"],
 * 5. decide; a refusal is the answer
 *    [command-bus-deaths.unit.spec.ts "a death while deciding: the next delivery completes the command, once"],
 * 6. send the commands that must be accepted first; a refusal of one is the answer
 *    [command-bus-deaths.unit.spec.ts "a death while sending: the next delivery completes the command, once"],
 * 7. append with the loaded revision; a conflict goes back to 3
 *    [command-bus-deaths.unit.spec.ts "a death while appended: the next delivery completes the command, once"],
 * 8. answer; with a refusal where that is what was recorded
 *    [command-bus-deaths.unit.spec.ts "a death while answering: the next delivery completes the command, once"].
 *
 * A death before an append leaves nothing but what 6 reserved, and the next delivery sends 6 with the same ids. A death
 * after it loses the answer, and the next delivery ends at 4. Deliveries side by side carry equal event ids, so that the
 * store records one of them.
 */
export function makeCommandBus(options: CommandBusOptions): CommandBus {
  const { eventStore, clock, log } = options;
  const maxTries = options.maxTries ?? 12;
  const commands = byName(options.commands);
  const states = options.states ?? foldedStates(eventStore);

  async function execute(
    command: Command,
    input: unknown,
    delivery: CommandDelivery,
    executeOptions: ExecuteOptions = {},
  ): Promise<CommandResult> {
    try {
      const result = await withSpan(`command ${command.name}`, { parent: delivery.traceparent }, () =>
        handle(command, input, traced(delivery), executeOptions),
      );
      countCommand(command.name, result.ok ? 'accepted' : 'rejected');
      return result;
    } catch (error) {
      countCommand(command.name, 'failed');
      throw error;
    }
  }

  async function handle(
    command: Command,
    input: unknown,
    delivery: CommandDelivery,
    { expectedRevision }: ExecuteOptions,
  ): Promise<CommandResult> {
    const context = contextOf(delivery, clock.now());
    const prepared = await command.prepare(input, context);
    const presumed = await attemptOnRecent(command, prepared, context, expectedRevision);
    if (presumed !== undefined) return presumed;
    for (let tries = 1; ; tries += 1) {
      try {
        return await attempt(command, prepared, context, expectedRevision);
      } catch (error) {
        if (!isDaybookError(error, 'revision-conflict') || error.retry !== 'now') throw error;
        if (tries === maxTries) throw conflictFor(error, 'later');
        log.debug('Another writer was faster; the command is decided anew.', {
          command: command.name,
          commandId: context.commandId,
          tries,
        });
        await pause(Math.random() * conflictPauseMs * tries);
      }
    }
  }

  /**
   * Decides on a recent state. Only a whole append at its revision is an answer: the log then says that the state was
   * the stream's, and that the command had recorded nothing before.
   */
  async function attemptOnRecent(
    command: Command,
    prepared: PreparedCommand,
    context: CommandContext,
    expectedRevision: Revision | undefined,
  ): Promise<CommandResult | undefined> {
    const recent = states.recent(prepared);
    if (recent === undefined || !isAsked(recent, prepared.tenantId, expectedRevision)) return undefined;
    const { state, revision, tenantId } = recent;
    const decision = prepared.decide(state);
    if (!decision.ok || !isNonEmpty(decision.events) || prepared.first(state).length > 0) return undefined;
    const { events } = decision;
    let appended: Appended;
    try {
      appended = await record(command, prepared, { ...context, tenantId }, events, revision);
    } catch (error) {
      if (!isDaybookError(error, 'revision-conflict') || error.retry !== 'now') throw error;
      states.outdated(prepared);
      return undefined;
    }
    if (appended.wrote !== true) return undefined;
    countStateLoad('kept');
    return concluded(prepared, state, events, appended);
  }

  async function attempt(
    command: Command,
    prepared: PreparedCommand,
    context: CommandContext,
    expectedRevision: Revision | undefined,
  ): Promise<CommandResult> {
    const loaded = ownView(await states.load(prepared, context.commandId), prepared);
    if (loaded.earlier !== undefined) return answeredAgain(prepared, loaded.earlier);
    if (expectedRevision !== undefined && expectedRevision !== loaded.revision) {
      throw conflictFor(revisionConflict(prepared.stream, expectedRevision, loaded.revision), 'never');
    }
    const decision = prepared.decide(loaded.state);
    if (!decision.ok) return decision;
    const { events } = decision;
    if (!isNonEmpty(events)) {
      return accepted(prepared, loaded.state, [], loaded.revision, loaded.position);
    }
    const tenantId = prepared.tenantId ?? loaded.tenantId;
    if (loaded.foreign || tenantId === undefined) return { ok: false, rejection: notFound };
    const refusal = await sendFirst(prepared, loaded.state, { ...context, tenantId });
    if (refusal !== undefined) return refusal;
    const appended = await record(command, prepared, { ...context, tenantId }, events, loaded.revision);
    if (appended.wrote === true) return concluded(prepared, loaded.state, events, appended);
    // A delivery side by side may have recorded them, at another time of its clock: its answer is the first one.
    const { earlier } = await states.load(prepared, context.commandId);
    return earlier === undefined
      ? concluded(prepared, loaded.state, events, appended)
      : answeredAgain(prepared, earlier);
  }

  async function record(
    command: Command,
    prepared: PreparedCommand,
    context: CommandContext,
    decided: NonEmpty<Event>,
    before: Revision,
  ): Promise<Appended> {
    const { tenantId } = context;
    const events = newEvents(decided, command, context);
    const expected = before === -1 ? 'no-stream' : before;
    await failpoint('command.appending');
    const appended = await eventStore.append(prepared.stream, expected, events);
    states.recorded(prepared, { tenantId, before, events, appended });
    await failpoint('command.appended');
    return appended;
  }

  async function sendFirst(
    prepared: PreparedCommand,
    state: unknown,
    context: CommandContext,
  ): Promise<CommandResult | undefined> {
    for (const [index, call] of prepared.first(state).entries()) {
      await failpoint('command.sending');
      const result = await send(call, {
        ...deliveryOf(context),
        commandId: precedingCommandId(context.commandId, index),
        causationId: context.commandId,
      });
      await failpoint('command.sent');
      if (!result.ok) return result;
    }
    return undefined;
  }

  const send: CommandSender['send'] = async (call, delivery) => {
    const command = commands.get(call.command);
    if (command === undefined) {
      return refused('command-unknown', `There is no command named ${call.command}.`);
    }
    const parsed = await validated(command.input, call.input);
    return 'issue' in parsed
      ? refused('input-invalid', parsed.issue)
      : execute(command, parsed.value, delivery);
  };

  function newEvents(events: NonEmpty<Event>, command: Command, context: CommandContext): NonEmpty<NewEvent> {
    const metadata = deliveryOf(context);
    return events.map((event, index) => ({
      type: event.type,
      data: event.data,
      id: eventIdOf(context.commandId, index),
      metadata: { schemaVersion: options.schemaVersion(event.type), command: command.name, ...metadata },
    })) as unknown as NonEmpty<NewEvent>;
  }

  return { execute, send, commands };
}

/** What is recorded continues the span under way. */
function traced(delivery: CommandDelivery): CommandDelivery {
  const traceparent = traceparentOut(delivery.traceparent);
  return traceparent === undefined ? delivery : { ...delivery, traceparent };
}

function byName(list: readonly Command[]): ReadonlyMap<string, Command> {
  const commands = new Map<string, Command>();
  for (const command of list) {
    if (commands.has(command.name)) throw new Error(`Two commands are named ${command.name}.`);
    commands.set(command.name, command);
  }
  return commands;
}

function contextOf(delivery: CommandDelivery, now: string): CommandContext {
  return { ...deliveryOf(delivery), now, id: (n) => commandScopedId(delivery.commandId, n) };
}

function deliveryOf(from: CommandDelivery): CommandDelivery {
  return {
    tenantId: from.tenantId,
    actor: from.actor,
    commandId: from.commandId,
    correlationId: from.correlationId,
    ...(from.causationId === undefined ? {} : { causationId: from.causationId }),
    ...(from.steps === undefined ? {} : { steps: from.steps }),
    ...(from.traceparent === undefined ? {} : { traceparent: from.traceparent }),
  };
}

/** What the command's tenant may see of the stream: another tenant's looks like one without events. */
function ownView(loaded: StreamState, prepared: PreparedCommand): StreamState & { foreign: boolean } {
  const foreign =
    prepared.tenantId !== undefined && loaded.tenantId !== undefined && loaded.tenantId !== prepared.tenantId;
  return foreign
    ? { state: prepared.initialState(), revision: -1, position: beginning, foreign }
    : { ...loaded, foreign };
}

/** Whether a recent state is the caller's tenant's, at the revision the caller expects. */
function isAsked(recent: RecentState, tenantId: string | undefined, expected: Revision | undefined): boolean {
  return (
    (tenantId === undefined || tenantId === recent.tenantId) &&
    (expected === undefined || expected === recent.revision)
  );
}

function answeredAgain(
  prepared: PreparedCommand,
  { state, events, revision, position }: EarlierDelivery,
): Promise<CommandResult> {
  return accepted(prepared, state, events, revision, position);
}

/** The answer to what was recorded behind a state. */
function concluded(
  prepared: PreparedCommand,
  before: unknown,
  events: readonly Event[],
  { revision, position }: Appended,
): Promise<CommandResult> {
  return accepted(prepared, events.reduce(prepared.evolve, before), events, revision, position);
}

async function accepted(
  prepared: PreparedCommand,
  state: unknown,
  events: readonly Event[],
  revision: Revision,
  position: Position,
): Promise<CommandResult> {
  const rejection = prepared.refusal(state, events);
  if (rejection !== null) return { ok: false, rejection };
  const answer = await prepared.answer(state, events);
  return { ok: true, streamId: streamId(prepared.stream), revision, position, answer };
}

function refused(code: string, detail: string): CommandResult {
  return { ok: false, rejection: { code, detail } };
}

async function validated(
  schema: Schema<unknown>,
  value: unknown,
): Promise<{ value: unknown } | { issue: string }> {
  const result = await schema['~standard'].validate(value);
  return result.issues === undefined ? { value: result.value } : { issue: sentence(result.issues) };
}

function sentence(issues: readonly SchemaIssue[]): string {
  return issues
    .map(({ path = [], message }) => {
      const field = path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
      return field === '' ? message : `${field}: ${message}`;
    })
    .join('; ');
}

/** The same conflict, beyond what trying at once can solve. */
function conflictFor(error: DaybookError, retry: 'later' | 'never'): DaybookError {
  return new DaybookError('revision-conflict', error.message, { retry, fields: error.fields, cause: error });
}

function isNonEmpty<T>(list: readonly T[]): list is NonEmpty<T> {
  return list.length > 0;
}
