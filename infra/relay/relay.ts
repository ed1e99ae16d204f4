/**
 * The relay: forwards the log to a topic, in order, each event once as far as anyone can tell. Order of execution, and
 * what a death after each step means (in brackets the test that dies there):
 *
 * 1. Take the lead: a lease with an epoch; the answer holds the checkpoint. Dying: the lease runs out (or the same
 *    instance starts again) and another relay leads, from the same checkpoint
 *    [relay.int.spec.ts "a death after relay.leading loses nothing"].
 * 2. Read the page of the log after the checkpoint. Dying: nothing was published; the follower reads it again
 *    [relay.int.spec.ts "a death after relay.read loses nothing"].
 * 3. Encode it. Dying: as after 2. Before an event that cannot be read or encoded the relay stands still: what is before
 *    it is published, the event is shown among what is parked, and tried again now and then and when somebody asks. It is
 *    never passed over, unless it is recorded that it is to be skipped [relay.int.spec.ts "a death after relay.encoded loses nothing"].
 * 4. Publish it. Dying: in the database of the checkpoint 4 and 5 are one transaction, so this cannot be; through any
 *    other engine the follower publishes the page again, and consumers know the repeats by their positions
 *    [relay.int.spec.ts "a death after relay.published loses nothing"].
 * 5. Move the checkpoint, provided that this relay still leads and the checkpoint is where it left it. Dying: nothing is
 *    left to do; the follower goes on behind it [relay.int.spec.ts "a death after relay.forwarded loses nothing"].
 *
 * While a page is published the next is read and encoded. A leader that was paused past its lease finds its epoch out of
 * date at 4 or 5, writes nothing more and stands by again.
 */
import { DaybookError, isDaybookError } from '@daybook/kernel/errors.ts';
import type { Position, RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { OutMessage } from '@daybook/kernel/ports/topics.ts';
import type { Wakeup, Wakeups } from '../database/wakeups.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import type { MessageCodec } from '../registry/codec.ts';
import { backOffMs, reasonOf, rest, type BackOff } from '../runtime/loop.ts';
import { withBatchSpan } from '../telemetry/tracing.ts';
import { isBlocking, isSkipped, relayChannel, type BlockingError } from './relay-block.ts';
import type { Lead } from './relay-lead.ts';
import type { RelayOutput } from './relay-output.ts';

/** What a relay tells whoever measures it. None of them may throw. */
export type RelayHooks = Readonly<{
  leading?: (leads: boolean) => void;
  forwarded?: (batch: Readonly<{ events: number; position: Position; tookMs: number }>) => void;
  /** `stopped`: people have to look, at an event or at the installation. Otherwise the relay tries again by itself. */
  failed?: (error: DaybookError, stopped: boolean) => void;
}>;

export type RelayOptions = Readonly<{
  eventStore: Pick<EventStore, 'subscribeAll' | 'read' | 'readAll'>;
  codec: Pick<MessageCodec, 'encodeEvent' | 'encodeEvents'>;
  output: RelayOutput;
  log: Log;
  signal: AbortSignal;
  /** Most events in a page. Default 500. */
  pageSize?: number;
  /** Pauses after failures that pass. Default 100 ms to 5 s; after one that does not, six times the longest. */
  backOff?: BackOff;
  hooks?: RelayHooks;
  /** Wakes a relay that stands before an event. */
  wakeups?: Wakeups;
  /** Pause before an event that cannot be published is tried again, in milliseconds. Default 30 000. */
  blockedMs?: number;
}>;

/**
 * Forwards until `signal` aborts; then finishes the page in hand and resigns. Waits behind another leader, and through
 * failures of the engines; stands before an event that cannot be published.
 * @throws what no engine says and no event is the reason of: a bug
 */
export async function runRelay(options: RelayOptions): Promise<void> {
  const { output, signal } = options;
  const woken = options.wakeups?.subscribe(relayChannel);
  let failures = 0;
  let passOver: Position | undefined;
  try {
    while (!signal.aborted) {
      try {
        const lead = await output.lead.take();
        if (lead === null) await rest(output.leaseMs / 4, signal);
        else await serve(lead, options, passOver, () => (failures = 0));
        passOver = undefined;
      } catch (error) {
        failures += 1;
        passOver = undefined;
        if (isBlocking(error)) passOver = await standBefore(error, options, woken);
        else await recover(error, failures, options, woken);
      }
    }
  } finally {
    woken?.close();
  }
}

/** Waits out a failure of an engine. @throws what is none */
async function recover(
  error: unknown,
  failures: number,
  options: RelayOptions,
  woken: Wakeup | undefined,
): Promise<void> {
  const { log, hooks, signal, backOff = defaultBackOff } = options;
  if (!isDaybookError(error)) {
    log.error('The relay stopped.', reasonOf(error));
    throw error;
  }
  const forGood = error.retry === 'never' || isDaybookError(error, 'topic-lost');
  const says = forGood
    ? 'The relay cannot go on before somebody mends the installation.'
    : 'The relay failed and tries again.';
  log[forGood ? 'error' : 'warn'](says, { failures, ...reasonOf(error) });
  hooks?.failed?.(error, forGood);
  const pauseMs = forGood ? 6 * backOff.mostMs : backOffMs(backOff, failures);
  await (forGood && woken !== undefined ? woken.next(pauseMs, signal) : rest(pauseMs, signal));
}

const defaultBackOff: BackOff = { firstMs: 100, mostMs: 5_000 };

/** Shows the event and waits for a while. Answers with its position where it is to be passed over. */
async function standBefore(
  error: BlockingError,
  { output, eventStore, log, hooks, signal, blockedMs = 30_000 }: RelayOptions,
  woken: Wakeup | undefined,
): Promise<Position | undefined> {
  const position = error.fields.position as Position;
  hooks?.failed?.(error, true);
  try {
    if (await isSkipped(eventStore, error.fields)) {
      log.warn('The relay passes over an event, as somebody decided.', { position });
      return position;
    }
    await output.block.record(error);
    log.error('The relay stands before an event that it cannot publish.', reasonOf(error));
  } catch (failure) {
    log.warn('The event that the relay stands before could not be shown.', reasonOf(failure));
  }
  await (woken?.next(blockedMs, signal) ?? rest(blockedMs, signal));
  return undefined;
}

/** Leads until told to stop, and then resigns; also where it stands before an event. */
async function serve(
  lead: Lead,
  options: RelayOptions,
  passOver: Position | undefined,
  progressed: () => void,
): Promise<void> {
  const { output, log, hooks } = options;
  log.info('The relay leads.', { epoch: lead.epoch, position: lead.position });
  hooks?.leading?.(true);
  try {
    await follow(await passingOver(lead, passOver, options), options, progressed);
    await output.lead.resign(lead.epoch);
  } catch (error) {
    if (isDaybookError(error)) await output.lead.resign(lead.epoch).catch(() => undefined);
    throw error;
  } finally {
    hooks?.leading?.(false);
  }
}

/**
 * The lead behind an event that is passed over: the checkpoint moves, and nothing is published. Not while something stands
 * before the event that is not published yet.
 */
async function passingOver(
  lead: Lead,
  position: Position | undefined,
  { output, eventStore }: RelayOptions,
): Promise<Lead> {
  if (position === undefined || (await nextAfter(lead.position, eventStore)) !== position) return lead;
  const { epoch, position: after } = lead;
  const held = await output.forward({ epoch, after, position, messages: [] });
  return held ? { epoch, position } : lead;
}

/** The position of the next event, also of one that cannot be read. */
async function nextAfter(
  after: Position,
  eventStore: RelayOptions['eventStore'],
): Promise<Position | undefined> {
  try {
    for await (const [event] of eventStore.readAll({ after, limit: 1, pageSize: 1 })) return event?.position;
    return undefined;
  } catch (error) {
    if (isBlocking(error)) return error.fields.position as Position;
    throw error;
  }
}

/** Forwards page after page, until the signal aborts or the lead is lost. */
async function follow(lead: Lead, options: RelayOptions, progressed: () => void): Promise<void> {
  const { eventStore, output, log, signal, pageSize = 500 } = options;
  const ended = new AbortController();
  const until = AbortSignal.any([signal, ended.signal]);
  const failures: unknown[] = [];
  let forwarding: Promise<void> = Promise.resolve();
  let after = lead.position;

  const end = (error?: unknown): void => {
    if (error !== undefined) failures.push(error);
    ended.abort();
  };
  const lost = (): void => {
    log.warn('The relay lost its lead.', { epoch: lead.epoch });
    end();
  };
  const renewal = keepLead(lead, output, until, lost);
  try {
    await failpoint('relay.leading');
    for await (const page of eventStore.subscribeAll({ after, pageSize, signal: until })) {
      await failpoint('relay.read');
      const { messages, position, refused } = await encode(page, options.codec);
      await failpoint('relay.encoded');
      await forwarding;
      if (ended.signal.aborted) break;
      if (refused !== undefined && messages.length === 0) throw refused;
      const batch = { epoch: lead.epoch, after, position: position ?? after, messages };
      after = batch.position;
      forwarding = forward(batch, options).then((held) => {
        if (held) progressed();
        else lost();
      }, end);
      if (refused !== undefined) throw refused;
    }
  } catch (error) {
    await forwarding;
    // What stands before an event that is refused comes first: where that was not published, the event is not reached.
    if (failures.length === 0 && !ended.signal.aborted) throw error;
  } finally {
    await forwarding;
    ended.abort();
    await renewal;
  }
  for (const failure of failures) throw failure;
}

async function forward(
  batch: Parameters<RelayOutput['forward']>[0],
  options: RelayOptions,
): Promise<boolean> {
  const { output, hooks } = options;
  const began = performance.now();
  const held = await withBatchSpan(
    'relay',
    { kind: 'producer', attributes: { 'messaging.batch.message_count': batch.messages.length } },
    () => batch.messages.map(({ headers }) => headers['traceparent']),
    () => output.forward(batch),
  );
  if (!held) return false;
  hooks?.forwarded?.({
    events: batch.messages.length,
    position: batch.position,
    tookMs: performance.now() - began,
  });
  await failpoint('relay.forwarded');
  return true;
}

/** Renews the lease while nothing is there to forward. A failure is left to the next turn, or to the lease's end. */
async function keepLead(
  lead: Lead,
  output: RelayOutput,
  until: AbortSignal,
  lost: () => void,
): Promise<void> {
  for (;;) {
    await rest(output.leaseMs / 3, until);
    if (until.aborted) return;
    const kept = await output.lead.keep(lead.epoch).catch(() => true);
    if (!kept) {
      lost();
      return;
    }
  }
}

/** The messages of a page up to the first event that cannot be encoded, where they end, and why. */
async function encode(
  page: readonly RecordedEvent[],
  codec: RelayOptions['codec'],
): Promise<Readonly<{ messages: readonly OutMessage[]; position?: Position; refused?: DaybookError }>> {
  try {
    const last = page.at(-1);
    const messages = await codec.encodeEvents(page);
    return { messages, ...(last === undefined ? {} : { position: last.position }) };
  } catch (error) {
    if (isDaybookError(error) && error.retry !== 'never') throw error;
    return await encodeUpTo(page, codec);
  }
}

async function encodeUpTo(
  page: readonly RecordedEvent[],
  codec: RelayOptions['codec'],
): ReturnType<typeof encode> {
  const messages: OutMessage[] = [];
  let position: Position | undefined;
  for (const event of page) {
    try {
      messages.push(await codec.encodeEvent(event));
    } catch (cause) {
      if (isDaybookError(cause) && cause.retry !== 'never') throw cause;
      return { messages, ...(position === undefined ? {} : { position }), refused: refusal(event, cause) };
    }
    ({ position } = event);
  }
  return { messages, ...(position === undefined ? {} : { position }) };
}

function refusal(event: RecordedEvent, cause: unknown): DaybookError {
  const { id, position, stream, revision, type, metadata } = event;
  const code = isDaybookError(cause, 'schema-unknown') ? cause.code : 'schema-incompatible';
  return new DaybookError(code, 'The event cannot be encoded.', {
    fields: {
      ...(isDaybookError(cause) ? cause.fields : {}),
      position,
      stream,
      revision,
      type,
      schemaVersion: metadata.schemaVersion,
      eventId: id,
      tenantId: metadata.tenantId,
    },
    cause,
  });
}
