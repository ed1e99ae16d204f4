import type { CommandCall } from '@daybook/kernel/command.ts';
import { isDaybookError, type DaybookError } from '@daybook/kernel/errors.ts';
import type { Step } from '@daybook/kernel/event.ts';
import type { CommandDelivery, CommandResult, CommandSender } from '@daybook/kernel/ports/outside.ts';
import { reportedCommandId } from './derived-ids.ts';

/** What an effect handler gets beside its input. */
export type EffectContext = Readonly<{
  /** The same at every attempt: the idempotency key for the outside. */
  effectId: string;
  tenantId: string;
  /** As of a command that the process would send: correlation and causation, for logs and outside calls. */
  metadata: CommandDelivery;
  /** 1 at first. */
  attempt: number;
  /** Aborts when the attempt's time is over. */
  signal: AbortSignal;
  /**
   * Reports back with a command. The n-th call of an attempt has the same command id at every attempt.
   * @throws `unavailable` · `timeout`
   */
  send: (call: CommandCall) => Promise<CommandResult>;
}>;

/**
 * Does what a process asked of the outside, at least once. Throwing has it repeated; an error with `retry: 'never'` gives
 * it up. What the outside said is reported by a command.
 */
export type EffectHandler = (
  input: Readonly<Record<string, unknown>>,
  context: EffectContext,
) => Promise<void>;

/** Handlers by the name of the effect, unique over all capabilities. */
export type EffectHandlers = Readonly<Record<string, EffectHandler>>;

/** Sends the commands that one attempt of an effect reports back with. */
export function reporting(
  sender: CommandSender,
  effectId: string,
  metadata: CommandDelivery,
  effect: Pick<Step, 'name' | 'at'>,
): EffectContext['send'] {
  let count = 0;
  const steps: readonly Step[] = [...(metadata.steps ?? []), { kind: 'effect', ref: effectId, ...effect }];
  return (call) => {
    const commandId = reportedCommandId(effectId, count++);
    return ofOwnEngines(() => sender.send(call, { ...metadata, commandId, causationId: effectId, steps }));
  };
}

const ownFailures = new WeakSet<DaybookError>();

/**
 * Does a part of an effect that is our own engines' matter, such as a report back: that one of them is away is no failure
 * of the outside, and the effect is repeated for as long as that takes.
 */
export async function ofOwnEngines<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isDaybookError(error, 'unavailable') || isDaybookError(error, 'timeout')) ownFailures.add(error);
    throw error;
  }
}

/** Whether an effect failed at one of our own engines. */
export function failedAtOwnEngine(error: unknown): boolean {
  return isDaybookError(error) && ownFailures.has(error);
}
