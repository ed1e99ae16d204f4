/**
 * The relay: forwards the log to a topic, in order, each event once as far as anyone can tell. Order of execution, and
 * what a death after each step means (in brackets the test that dies there):
 *
 * 1. Take the lead: a lease with an epoch; the answer holds the checkpoint. Dying: the lease runs out (or the same
 *    instance starts again) and another relay leads, from the same checkpoint
 *    [relay.int.spec.ts "a death after relay.leading loses nothing"]
 *    [relay.int.spec.ts "a death after step leading loses nothing"].
 * 2. Read the page of the log after the checkpoint. Dying: nothing was published; the follower reads it again
 *    [relay.int.spec.ts "a death after relay.read loses nothing"]
 *    [relay.int.spec.ts "a death after step read loses nothing"].
 * 3. Encode it. Dying: as after 2. An event that cannot be encoded stops the relay here, before anything of its page is
 *    published: it is never passed over [relay.int.spec.ts "a death after relay.encoded loses nothing"]
 *    [relay.int.spec.ts "a death after step encoded loses nothing"].
 * 4. Publish it. Dying: in the database of the checkpoint 4 and 5 are one transaction, so this cannot be; through any
 *    other engine the follower publishes the page again, and consumers know the repeats by their positions
 *    [relay.int.spec.ts "a death after relay.published loses nothing"]
 *    [relay.int.spec.ts "a death after step published loses nothing"].
 * 5. Move the checkpoint, provided that this relay still leads and the checkpoint is where it left it. Dying: nothing is
 *    left to do; the follower goes on behind it [relay.int.spec.ts "a death after relay.forwarded loses nothing"]
 *    [relay.int.spec.ts "a death after step forwarded loses nothing"].
 *
 * While a page is published the next is read and encoded. A leader that was paused past its lease finds its epoch out of
 * date at 4 or 5, writes nothing more and stands by again.
 */
import { DaybookError, isDaybookError } from '@daybook/kernel/errors.ts';
import type { Position, RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { OutMessage } from '@daybook/kernel/ports/topics.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import type { MessageCodec } from '../registry/codec.ts';
import { backOffMs, reasonOf, rest, type BackOff } from '../runtime/loop.ts';
import type { Lead } from './relay-lead.ts';
import type { RelayOutput } from './relay-output.ts';

/** What a relay tells whoever measures it. None of them may throw. */
export type RelayHooks = Readonly<{
  leading?: (leads: boolean) => void;
  forwarded?: (batch: Readonly<{ events: number; position: Position; tookMs: number }>) => void;
  /** `stopped`: for good; people have to look. Otherwise the relay tries again. */
  failed?: (error: DaybookError, stopped: boolean) => void;
}>;

export type RelayOptions = Readonly<{
  eventStore: Pick<EventStore, 'subscribeAll'>;
  codec: Pick<MessageCodec, 'encodeEvent' | 'encodeEvents'>;
  output: RelayOutput;
  log: Log;
  signal: AbortSignal;
  /** Most events in a page. Default 500. */
  pageSize?: number;
  /** Pauses after failures that pass. Default 100 ms to 30 s. */
  backOff?: BackOff;
  hooks?: RelayHooks;
}>;

/**
 * Forwards until `signal` aborts; then finishes the page in hand and resigns. Waits behind another leader, and through
 * failures of the engines.
 * @throws `schema-unknown` · `schema-incompatible` (fields: position, stream, type) for an event that cannot be encoded,
 *   and any error that repeating cannot help
 */
export async function runRelay(options: RelayOptions): Promise<void> {
  const { output, signal, backOff = { firstMs: 100, mostMs: 30_000 } } = options;
  let failures = 0;
  while (!signal.aborted) {
    try {
      const lead = await output.lead.take();
      if (lead === null) await rest(output.leaseMs / 4, signal);
      else await serve(lead, options, () => (failures = 0));
    } catch (error) {
      if (!isDaybookError(error) || error.retry === 'never') {
        options.log.error('The relay stopped.', reasonOf(error));
        if (isDaybookError(error)) options.hooks?.failed?.(error, true);
        throw error;
      }
      failures += 1;
      options.log.warn('The relay failed and tries again.', { failures, ...reasonOf(error) });
      options.hooks?.failed?.(error, false);
      await rest(backOffMs(backOff, failures), signal);
    }
  }
}

/** Leads until told to stop, and then resigns; also where an event stops the relay for good. */
async function serve(lead: Lead, options: RelayOptions, progressed: () => void): Promise<void> {
  const { output, log, hooks } = options;
  log.info('The relay leads.', { epoch: lead.epoch, position: lead.position });
  hooks?.leading?.(true);
  try {
    await follow(lead, options, progressed);
    await output.lead.resign(lead.epoch);
  } catch (error) {
    if (isDaybookError(error)) await output.lead.resign(lead.epoch).catch(() => undefined);
    throw error;
  } finally {
    hooks?.leading?.(false);
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
      const messages = await encode(page, options.codec);
      await failpoint('relay.encoded');
      await forwarding;
      if (ended.signal.aborted) break;
      const batch = { epoch: lead.epoch, after, position: page.at(-1)?.position ?? after, messages };
      after = batch.position;
      forwarding = forward(batch, options).then((held) => {
        if (held) progressed();
        else lost();
      }, end);
    }
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
  const held = await output.forward(batch);
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

/** @throws the error of the first event that cannot be encoded, with its place */
async function encode(
  page: readonly RecordedEvent[],
  codec: RelayOptions['codec'],
): Promise<readonly OutMessage[]> {
  try {
    return await codec.encodeEvents(page);
  } catch (error) {
    if (isDaybookError(error) && error.retry !== 'never') throw error;
    for (const event of page) await codec.encodeEvent(event).catch((cause: unknown) => refuse(event, cause));
    throw error;
  }
}

function refuse({ position, stream, type, metadata }: RecordedEvent, cause: unknown): never {
  const code = isDaybookError(cause) ? cause.code : 'schema-incompatible';
  throw new DaybookError(code, 'The relay cannot encode an event and stops before it.', {
    fields: {
      ...(isDaybookError(cause) ? cause.fields : {}),
      position,
      stream,
      type,
      schemaVersion: metadata.schemaVersion,
    },
    cause,
  });
}
