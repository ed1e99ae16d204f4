import { DaybookError, isDaybookError } from '@daybook/kernel/errors.ts';
import type { OutMessage } from '@daybook/kernel/ports/topics.ts';
import { failureText } from '../parking/failure-text.ts';
import type { RunDispatcherOptions } from './dispatcher.ts';
import { failedAtOwnEngine, reporting } from './effect-handlers.ts';
import { backOffMs, type BackOff } from './loop.ts';
import type { EffectOutcome, LeasedEffect } from './outbox.ts';

export type EffectWorkOptions = Pick<RunDispatcherOptions, 'sender' | 'codec' | 'effects' | 'schemaVersion'> &
  Readonly<{
    publish: (topic: string, message: OutMessage) => Promise<void>;
    attemptMs: number;
  }>;

/** Does one effect. @throws what the sender, the codec, the topic or the handler throws; `timeout` after `attemptMs` */
export function effectWork(options: EffectWorkOptions): (leased: LeasedEffect) => Promise<EffectOutcome> {
  const { sender, attemptMs } = options;
  return async (leased) => {
    const { effect, metadata } = leased;
    switch (effect.kind) {
      case 'send': {
        const result = await limited(attemptMs, () => sender.send(effect.call, metadata));
        return result.ok
          ? { is: 'done' }
          : { is: 'rejected', reason: `${result.rejection.code}: ${result.rejection.detail}` };
      }
      case 'publish':
        await limited(attemptMs, async () =>
          options.publish(effect.topic, await messageOf(leased, effect, options)),
        );
        return { is: 'done' };
      case 'call':
        await limited(attemptMs, async (signal) => call(leased, effect, signal, options));
        return { is: 'done' };
    }
  };
}

function messageOf(
  { id, process, metadata, createdAt }: LeasedEffect,
  { message, key }: Extract<LeasedEffect['effect'], { kind: 'publish' }>,
  { codec, schemaVersion }: EffectWorkOptions,
): Promise<OutMessage> {
  return codec.encodeMessage({
    id,
    type: message.type,
    data: message.data,
    metadata: { ...metadata, schemaVersion: schemaVersion(message.type) },
    recordedAt: createdAt,
    key,
    source: `/daybook/processes/${process}`,
  });
}

function call(
  { id, tenantId, metadata, attempts, createdAt }: LeasedEffect,
  { effect, input }: Extract<LeasedEffect['effect'], { kind: 'call' }>,
  signal: AbortSignal,
  { effects, sender }: EffectWorkOptions,
): Promise<void> {
  const handler = Object.hasOwn(effects, effect) ? effects[effect] : undefined;
  if (handler === undefined) {
    throw new DaybookError('configuration-invalid', 'No handler has the name of the effect.', {
      fields: { effect },
    });
  }
  return handler(input, {
    effectId: id,
    tenantId,
    metadata,
    attempt: attempts + 1,
    signal,
    send: reporting(sender, id, metadata, { name: effect, at: createdAt }),
  });
}

/** Runs an attempt for a time at most. What it still does afterwards counts as one of at least one times. */
async function limited<T>(limitMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const limit = AbortSignal.timeout(limitMs);
  return await new Promise<T>((resolve, reject) => {
    limit.addEventListener('abort', () => {
      reject(
        new DaybookError('timeout', 'The attempt took too long.', { retry: 'later', fields: { limitMs } }),
      );
    });
    work(limit).then(resolve, reject);
  });
}

/**
 * What a failed attempt leads to. An error that repeating cannot help gives the effect up. Where one of our own engines
 * is away it is repeated for as long as that takes, also where a call to the outside went well and could not be reported;
 * calls to the outside only so often.
 */
export function outcomeOfFailure(
  { effect, attempts }: LeasedEffect,
  error: unknown,
  { mostAttempts = 12, backOff = defaultBackOff }: Pick<RunDispatcherOptions, 'mostAttempts' | 'backOff'>,
): EffectOutcome {
  const reason = failureText(error);
  const failed = attempts + 1;
  const unlimited = (effect.kind !== 'call' && isDaybookError(error)) || failedAtOwnEngine(error);
  // An engine of our own that refuses for good is broken: that is mended there, and no effect's fault.
  const engineBroken = unlimited && isDaybookError(error, 'unavailable');
  if (isDaybookError(error) && error.retry === 'never' && !engineBroken) return { is: 'dead', reason };
  return !unlimited && failed >= mostAttempts
    ? { is: 'dead', reason }
    : { is: 'again', afterMs: backOffMs(backOff, failed), reason };
}

const defaultBackOff: BackOff = { firstMs: 500, mostMs: 600_000 };
