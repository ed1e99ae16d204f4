import type { CommandSender, Log } from '@daybook/kernel/ports/outside.ts';
import type { OutMessage, Topics } from '@daybook/kernel/ports/topics.ts';
import type { AnyProcess } from '@daybook/kernel/process.ts';
import type { Database } from '../database/database.ts';
import type { Wakeups } from '../database/wakeups.ts';
import type { MessageCodec } from '../registry/codec.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import { countEffect, countEffectRetry } from '../telemetry/metrics.ts';
import { traceparentOut, withSpan } from '../telemetry/tracing.ts';
import { coalesced } from '../database/coalesced.ts';
import type { EffectHandlers } from './effect-handlers.ts';
import { effectWork, outcomeOfFailure } from './effect-work.ts';
import { backOffMs, reasonOf, rest, type BackOff } from './loop.ts';
import {
  leaseEffects,
  settleEffects,
  untilNextEffect,
  type EffectOutcome,
  type LeasedEffect,
  type SettledEffect,
} from './outbox.ts';
import { outboxChannel } from './process-runner.ts';

export type RunDispatcherOptions = Readonly<{
  processes: readonly AnyProcess[];
  database: Database;
  wakeups: Wakeups;
  sender: CommandSender;
  topics: Pick<Topics, 'publish'>;
  codec: Pick<MessageCodec, 'encodeMessage'>;
  effects: EffectHandlers;
  /** The version in which messages of a type are written: `currentVersion` of the contracts. */
  schemaVersion: (type: string) => number;
  log: Log;
  signal: AbortSignal;
  /**
   * Instances whose effects are under way at once. Default 256: what is under way shares the statements that lease, read,
   * append and settle, each of which waits for the disk or costs a round trip (test/load/p15.ts).
   */
  concurrency?: number;
  /** How long an effect is held, in milliseconds; longer than an attempt may take. Default 60 000. */
  leaseMs?: number;
  /** Longest attempt, in milliseconds. Default 30 000. */
  attemptMs?: number;
  /** Failed attempts after which an outside call is given up. Default 12: after 9 to 17 min with the default pauses. */
  mostAttempts?: number;
  /** Pauses between attempts. Default 500 ms to 10 min. */
  backOff?: BackOff;
  /** Longest wait without a look at the table, in milliseconds. Default 5 000. */
  pollMs?: number;
}>;

/** Most effects of one instance in one hand. */
const mostOfInstance = 20;

/** Pause before effects are looked for again that are due and in other hands. */
const shortestWaitMs = 10;

const engineAway: BackOff = { firstMs: 100, mostMs: 5_000 };

/**
 * Does the effects that processes asked for, until `signal` aborts; then finishes what is under way. Any number of
 * dispatchers may run. An effect goes (in brackets the test that dies after the step):
 * 1. lease it, together with what follows it in its instance
 *    [dispatcher.int.spec.ts "a death after leased repeats the effect under its id"],
 * 2. do it, under the effect's id: send the command, publish the message, or call the handler
 *    [dispatcher.int.spec.ts "a death after done repeats the effect under its id"],
 * 3. record the outcome: done effects are deleted, refused ones stay with their reason, one that is given up is parked
 *    and what follows it in its instance waits, others get their next time [dispatcher.int.spec.ts "one that was slower than its lease records nothing"],
 * 4. go on with the next effect of the instance; a failure hands what follows back
 *    [dispatcher.int.spec.ts "a death after settled goes on behind what was settled"].
 *
 * A death after 1 or 2 leaves the lease to run out, and another dispatcher does the effect again under the same id: the
 * command bus knows the command id, consumers know the message id, the outside gets the same idempotency key. A dispatcher
 * that was slower than its lease records nothing in 3, since the lease bears another name by then. A death after 3 leaves
 * what follows leased, until that lease runs out.
 */
export async function runDispatcher(options: RunDispatcherOptions): Promise<void> {
  const { database, wakeups, log, signal, concurrency = 256, leaseMs = 60_000, pollMs = 5_000 } = options;
  const processes = options.processes.map(({ name }) => name);
  const wakeup = wakeups.subscribe(outboxChannel);
  const underWay = new Set<Promise<void>>();
  const dispatch = dispatcherOf(options);
  let failures = 0;
  while (!signal.aborted) {
    try {
      const free = concurrency - underWay.size;
      if (free > 0) await failpoint('dispatcher.leasing');
      const leased =
        free === 0
          ? []
          : await leaseEffects(database.pool, { processes, instances: free, mostOfInstance, leaseMs });
      failures = 0;
      for (const effects of byInstance(leased)) {
        const work = dispatch(effects).finally(() => underWay.delete(work));
        underWay.add(work);
      }
      if (leased.length > 0) continue;
      await idle();
    } catch (error) {
      failures += 1;
      log.warn('Effects cannot be fetched for now.', { failures, ...reasonOf(error) });
      await rest(backOffMs(engineAway, failures), signal);
    }
  }
  wakeup.close();
  await Promise.all(underWay);

  async function idle(): Promise<void> {
    if (underWay.size === concurrency) {
      await Promise.race(underWay);
      return;
    }
    const nextMs = await untilNextEffect(database.pool, processes);
    const waitMs = Math.min(Math.max(nextMs ?? pollMs, shortestWaitMs), pollMs);
    const woken = new AbortController();
    // A finished effect may have let another of its instance come first.
    const reasons = [wakeup.next(waitMs, AbortSignal.any([signal, woken.signal])), ...underWay];
    await Promise.race(reasons);
    // Ends the wait for a wake-up where something else was the reason: a wake-up has one waiter at a time.
    woken.abort();
  }
}

/** Does the effects of one instance in order. Never rejects. */
function dispatcherOf(options: RunDispatcherOptions): (effects: readonly LeasedEffect[]) => Promise<void> {
  const { database, log, leaseMs = 60_000, attemptMs = 30_000 } = options;
  const settle = coalesced(async (settled: readonly SettledEffect[]) => {
    await settleEffects(database.pool, settled);
    return settled;
  });
  const publish = coalescedPublish(options.topics);
  const work = effectWork({ ...options, publish, attemptMs });

  async function outcomeOf(leased: LeasedEffect): Promise<EffectOutcome> {
    const { process, effect } = leased;
    try {
      const outcome = await withSpan(
        `effect ${effect.kind}`,
        { kind: 'producer', parent: leased.metadata.traceparent, attributes: { process } },
        () => work(traced(leased)),
      );
      countEffect(process, effect.kind);
      return outcome;
    } catch (error) {
      const outcome = outcomeOfFailure(leased, error, options);
      const fields = { process, kind: effect.kind, effectId: leased.id, attempts: leased.attempts + 1 };
      if (outcome.is === 'again') {
        countEffectRetry(process, effect.kind);
        log.info('An effect failed and is tried again later.', { ...fields, ...reasonOf(error) });
      } else log.error('An effect is given up and parked.', { ...fields, ...reasonOf(error) });
      return outcome;
    }
  }

  return async (effects) => {
    const startedAt = performance.now();
    try {
      for (const [index, effect] of effects.entries()) {
        await failpoint('dispatcher.leased');
        const leaseLeftMs = leaseMs - (performance.now() - startedAt);
        const outcome: EffectOutcome =
          options.signal.aborted || leaseLeftMs < attemptMs ? { is: 'released' } : await outcomeOf(effect);
        await failpoint('dispatcher.done');
        const goesOn = outcome.is === 'done' || outcome.is === 'rejected';
        const behind = behindOf(outcome);
        await Promise.all(
          (goesOn ? [effect] : effects.slice(index)).map(({ seq, lease }) =>
            settle({ seq, lease, outcome: seq === effect.seq ? outcome : behind }),
          ),
        );
        await failpoint('dispatcher.settled');
        if (!goesOn) return;
      }
    } catch (error) {
      log.warn('The outcome of an effect was not recorded; its lease runs out.', reasonOf(error));
    }
  };
}

/** What becomes of the effects behind one of their instance that is not done. */
function behindOf(outcome: EffectOutcome): EffectOutcome {
  if (outcome.is === 'dead') return { is: 'waits' };
  return outcome.is === 'again' ? { is: 'released', afterMs: outcome.afterMs } : { is: 'released' };
}

/** What the effect leads to continues the span under way. */
function traced(leased: LeasedEffect): LeasedEffect {
  const traceparent = traceparentOut(leased.metadata.traceparent);
  return traceparent === undefined ? leased : { ...leased, metadata: { ...leased.metadata, traceparent } };
}

function byInstance(leased: readonly LeasedEffect[]): Iterable<readonly LeasedEffect[]> {
  return Map.groupBy(
    leased,
    ({ process, tenantId, instanceId }) => `${process}\0${tenantId}\0${instanceId}`,
  ).values();
}

/** Publishes what is handed in side by side as one call for each topic; order is kept. */
function coalescedPublish(
  topics: Pick<Topics, 'publish'>,
): (topic: string, message: OutMessage) => Promise<void> {
  const byTopic = new Map<string, (message: OutMessage) => Promise<void>>();
  return (topic, message) => {
    let publish = byTopic.get(topic);
    if (publish === undefined) {
      const send = coalesced(async (messages: readonly OutMessage[]) => {
        await topics.publish(topic, messages);
        return messages;
      });
      publish = async (own) => {
        await send(own);
      };
      byTopic.set(topic, publish);
    }
    return publish(message);
  };
}
