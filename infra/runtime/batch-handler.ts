import { isDaybookError } from '@daybook/kernel/errors.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import {
  done,
  type Batch,
  type InMessage,
  type SetAsideKeys,
  type Verdict,
} from '@daybook/kernel/ports/topics.ts';
import { isDriverError, translateDatabaseError } from '../database/database.ts';
import { thrownText } from '../parking/failure-text.ts';
import { withBatchSpan } from '../telemetry/tracing.ts';
import type { Poison } from './inbox.ts';
import { backOffMs, reasonOf, type BackOff } from './loop.ts';

/** An input whose fold or reaction throws, or whose outcome PostgreSQL refuses: no repetition will change that. */
export class InputRefused extends Error {}

/** Runs pure code of a capability; what it throws refuses the input. */
export function refusing<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new InputRefused(`handler-throws: The ${what} throws ${thrownText(error)}.`, { cause: error });
  }
}

/**
 * What the driver throws as a refusal of the input or translated, anything else as it is. A refusal is of the classes
 * 22, 23 and 54: the data does not fit, or is too large for a row or an index
 * (https://www.postgresql.org/docs/current/errcodes-appendix.html).
 */
export function refusedOr(error: unknown): unknown {
  if (!isDriverError(error) && !isDaybookError(error)) return error;
  const translated = translateDatabaseError(error);
  const { sqlState } = translated.fields;
  return typeof sqlState === 'string' && /^(22|23|54)/.test(sqlState)
    ? new InputRefused(`outcome-refused: PostgreSQL refuses the outcome (${sqlState}).`, { cause: error })
    : translated;
}

export type BatchWork = Readonly<{
  /** For spans and log lines: `projection products`. */
  what: string;
  log: Log;
  /**
   * Takes messages in, all or none of them, up to one that cannot be read, with which it answers. With `poison` there is
   * nothing to take in, only to record that the tenant's message is set aside.
   * @throws InputRefused · what engines throw
   */
  takeIn: (
    partition: number,
    messages: readonly InMessage[],
    more?: Readonly<{ poison?: Poison; keys?: SetAsideKeys }>,
  ) => Promise<Readonly<{ poison?: Poison }>>;
  /** Something failed: what is kept in memory of the partition may be out of date. */
  forget: (partition: number) => void;
}>;

/** Pauses between deliveries of a batch that failed because an engine is away. */
const engineAway: BackOff = { firstMs: 100, mostMs: 30_000 };

/** Pause where repeating is of no use until somebody mends the installation, such as a missing table. */
const brokenMs = 30_000;

/**
 * Turns outcomes into verdicts. What cannot be read, handled or stored is parked, found one by one where it hides in a
 * batch; failures of engines are never parked, they come again.
 */
export function batchHandler(work: BatchWork): (batch: Batch) => Promise<Verdict> {
  const { takeIn, log, what } = work;
  const failures = new Map<number, number>();

  async function handle({ partition, messages, keys }: Batch): Promise<Verdict> {
    const aside = keys === undefined ? {} : { keys };
    try {
      const { poison } = await takeIn(partition, messages, aside);
      return poison === undefined ? done : park(poison.index, poison.reason);
    } catch (error) {
      if (!(error instanceof InputRefused)) throw error;
      return await oneByOne(partition, messages, aside);
    }
  }

  async function oneByOne(
    partition: number,
    messages: readonly InMessage[],
    aside: Readonly<{ keys?: SetAsideKeys }>,
  ): Promise<Verdict> {
    for (const [index, message] of messages.entries()) {
      try {
        const { poison } = await takeIn(partition, [message], aside);
        if (poison !== undefined) return park(index, poison.reason);
      } catch (error) {
        if (!(error instanceof InputRefused)) throw error;
        await takeIn(partition, [], {
          ...aside,
          poison: { index: 0, tenantId: message.key, reason: error.message },
        });
        return park(index, error.message);
      }
    }
    return done;
  }

  function notNow(partition: number, error: unknown): Verdict {
    const times = (failures.get(partition) ?? 0) + 1;
    failures.set(partition, times);
    const reason = isDaybookError(error) ? error.code : 'failed';
    log.warn('A batch cannot be handled yet.', { what, partition, times, ...reasonOf(error) });
    return isDaybookError(error) && error.retry === 'never'
      ? { do: 'pause', forMs: brokenMs, reason }
      : { do: 'retry', afterMs: backOffMs(engineAway, times), reason };
  }

  return async (batch) => {
    const { partition, messages } = batch;
    try {
      const verdict = await withBatchSpan(
        what,
        { attributes: { 'messaging.batch.message_count': messages.length } },
        () => messages.map(({ headers }) => headers['traceparent']),
        () => handle(batch),
      );
      failures.delete(partition);
      if (verdict.do === 'park') log.error('A message is parked.', { what, reason: verdict.reason });
      return verdict;
    } catch (error) {
      work.forget(partition);
      return notNow(partition, error);
    }
  };
}

function park(index: number, reason: string): Verdict {
  return { do: 'park', index, reason };
}
