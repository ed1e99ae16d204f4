import { isDaybookError } from '@daybook/kernel/errors.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import { done, type Batch, type Verdict } from '@daybook/kernel/ports/topics.ts';
import { countParked } from '../telemetry/metrics.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import { backOffMs, reasonOf, type BackOff } from '../runtime/loop.ts';
import type { Claim, GroupLedger } from './group-ledger.ts';
import { comeAgain, putBack, takeDelivery, type Delivery, type HeldPartition } from './held-partition.ts';

/** What a worker needs of the member it belongs to. */
export type WorkerContext = Readonly<{
  topic: string;
  group: string;
  ledger: GroupLedger;
  handler: (batch: Batch) => Promise<Verdict>;
  maxBatch: number;
  backOff: BackOff;
  log: Log;
  stopping: () => boolean;
  /** Until when the member's lease holds for certain, on the process's monotonic clock. */
  leaseUntil: () => number;
  /** Asks for a fetch. */
  hungry: () => void;
  /** Records progress together with that of other partitions; true where the claim held. */
  commit: (part: HeldPartition, next: number) => Promise<boolean>;
}>;

/** Longest wait without a reason to look again; rings end it at once. */
const restMs = 60_000;

/**
 * Hands out one partition's messages, batch after batch, until the partition is to be given up, is lost, or the member
 * stops. At most one commit is under way while the next batch is handled, so a death repeats at most two batches.
 */
export async function workPartition(part: HeldPartition, context: WorkerContext): Promise<void> {
  const keys = await persist(part, context, () => context.ledger.blockedKeys(part.partition));
  if (keys === undefined) return;
  part.blocked = new Set(keys);
  part.ready = true;
  context.hungry();
  while (part.state === 'held' && !context.stopping()) {
    const restsMs = restOf(part, context);
    const delivery = restsMs > 0 ? null : takeDelivery(part, context.maxBatch);
    if (delivery === null) {
      await part.bell.wait(restsMs > 0 ? restsMs : restMs);
      continue;
    }
    if (part.more) context.hungry();
    part.busy = true;
    await deliver(part, delivery, context);
    part.busy = false;
  }
  if (part.committing !== null) await part.committing;
}

/** Milliseconds until the partition may be handed out: a pause that was asked for, or a lease in doubt. */
function restOf(part: HeldPartition, context: WorkerContext): number {
  const now = performance.now();
  if (context.leaseUntil() <= now) return restMs;
  return Math.ceil(part.resumeAt - now);
}

async function deliver(part: HeldPartition, delivery: Delivery, context: WorkerContext): Promise<void> {
  const verdict = tellsSomething(delivery) ? await ask(part, delivery, context) : done;
  if (verdict.do === 'done' && delivery.of === 'log' && delivery.waiting.length === 0) {
    await committed(part);
    part.attempts = 0;
    part.committing = context.commit(part, delivery.next).then((held) => {
      if (!held) lose(part);
      return held;
    });
    return;
  }
  await committed(part);
  if (part.state === 'lost') return;
  if (verdict.do === 'retry' || verdict.do === 'pause') await defer(part, delivery, verdict, context);
  else if (delivery.of === 'log') await settle(part, delivery, verdict, context);
  else await settleLetters(part, delivery, verdict, context);
}

/** Whether the handler has anything to learn of a delivery: messages, or keys of which nothing waits any more. */
function tellsSomething(delivery: Delivery): boolean {
  return delivery.messages.length > 0 || (delivery.of === 'log' && (delivery.keys?.freed.size ?? 0) > 0);
}

async function committed(part: HeldPartition): Promise<void> {
  if (part.committing !== null) await part.committing;
  part.committing = null;
}

/** The handler's verdict; that of one that throws, or parks what is not there, is to try again. */
async function ask(part: HeldPartition, delivery: Delivery, context: WorkerContext): Promise<Verdict> {
  const { topic, handler, log } = context;
  const fields = { topic, partition: part.partition, offset: delivery.messages[0]?.offset };
  try {
    const keys = delivery.of === 'log' && delivery.keys !== undefined ? { keys: delivery.keys } : {};
    const verdict = await handler({
      topic,
      partition: part.partition,
      messages: delivery.messages,
      ...keys,
    });
    if (verdict.do === 'park' && delivery.messages[verdict.index] === undefined) {
      throw new RangeError(`The batch has no message ${String(verdict.index)} to park.`);
    }
    if (verdict.do !== 'done') log.warn('A batch was not handled.', { ...fields, ...verdict });
    return verdict;
  } catch (error) {
    const attempt = delivery.messages[0]?.attempt ?? 1;
    const afterMs = backOffMs(context.backOff, attempt);
    log.error('A handler failed; its batch comes again.', {
      ...fields,
      attempt,
      afterMs,
      ...reasonOf(error),
    });
    return { do: 'retry', afterMs, reason: 'The handler failed.' };
  }
}

async function defer(
  part: HeldPartition,
  delivery: Delivery,
  verdict: Verdict & { do: 'retry' | 'pause' },
  context: WorkerContext,
): Promise<void> {
  const counts = verdict.do === 'retry';
  const afterMs = verdict.do === 'retry' ? verdict.afterMs : verdict.forMs;
  comeAgain(part, delivery, counts);
  part.resumeAt = performance.now() + afterMs;
  await held(part, context, async () => {
    await failpoint('topics.deferring');
    const accepted = await context.ledger.defer({
      ...claimOf(part),
      attempts: part.attempts,
      triedTo: part.triedTo,
      letters: counts && delivery.of === 'letters' ? delivery.letters.map(({ id }) => id) : [],
      afterMs,
    });
    await failpoint('topics.deferred');
    return accepted;
  });
}

async function settle(
  part: HeldPartition,
  delivery: Delivery & { of: 'log' },
  verdict: Verdict & { do: 'done' | 'park' },
  context: WorkerContext,
): Promise<void> {
  const parked = verdict.do === 'park' ? delivery.messages[verdict.index] : undefined;
  const next = parked === undefined ? delivery.next : parked.offset + 1;
  const settled = await held(part, context, async () => {
    await failpoint('topics.settling');
    const accepted = await context.ledger.settle({
      ...claimOf(part),
      next,
      waiting: delivery.waiting.filter((offset) => offset < next),
      ...(parked === undefined || verdict.do !== 'park'
        ? {}
        : { parked: { offset: parked.offset, attempt: parked.attempt, reason: verdict.reason } }),
    });
    await failpoint('topics.settled');
    return accepted;
  });
  if (!settled) return;
  part.attempts = 0;
  if (parked !== undefined) {
    part.blocked.add(parked.key);
    countParked(context.topic, context.group);
  }
  putBack(part, delivery.covered, next);
}

async function settleLetters(
  part: HeldPartition,
  delivery: Delivery & { of: 'letters' },
  verdict: Verdict & { do: 'done' | 'park' },
  context: WorkerContext,
): Promise<void> {
  const index = verdict.do === 'park' ? verdict.index : delivery.letters.length;
  const letter = delivery.letters[index];
  const handled = delivery.letters.slice(0, index);
  const keys = await persist(part, context, async () => {
    await failpoint('topics.settlingLetters');
    const free = await context.ledger.settleLetters({
      ...claimOf(part),
      handled: handled.map(({ id }) => id),
      keys: handled.map(({ message }) => message.key),
      ...(letter === undefined || verdict.do !== 'park'
        ? {}
        : { parked: { id: letter.id, attempt: letter.message.attempt, reason: verdict.reason } }),
    });
    await failpoint('topics.settledLetters');
    return free;
  });
  if (keys === null) lose(part);
  else if (keys !== undefined && verdict.do === 'park') countParked(context.topic, context.group);
  keys?.forEach((key) => {
    part.blocked.delete(key);
    part.freed.add(key);
  });
  // The rest is fetched anew: what follows a letter parked again for its key is no longer released.
  part.letters = [];
  part.lettersInHand = false;
  part.lettersSettled += 1;
  context.hungry();
}

const claimOf = ({ partition, epoch }: HeldPartition): Claim => ({ partition, epoch });

async function held(
  part: HeldPartition,
  context: WorkerContext,
  change: () => Promise<boolean>,
): Promise<boolean> {
  const accepted = await persist(part, context, change);
  if (accepted === false) lose(part);
  return accepted ?? false;
}

/** Forgets a partition whose claim no longer holds; the next synchronisation says what is still this member's. */
export function lose(part: HeldPartition): void {
  part.state = 'lost';
  part.bell.ring();
}

/**
 * Repeats a change while the engine is away. Once the member's own lease is in doubt, or where repeating cannot help,
 * the partition is given up as lost: whoever holds it next starts from what is recorded.
 */
async function persist<T>(
  part: HeldPartition,
  context: Pick<WorkerContext, 'leaseUntil' | 'backOff' | 'log'>,
  change: () => Promise<T>,
): Promise<T | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await change();
    } catch (error) {
      const passing = isDaybookError(error) && error.retry !== 'never';
      if (!passing || part.state === 'lost' || context.leaseUntil() <= performance.now()) {
        context.log.error('Progress could not be recorded; it is taken up from its last place.', {
          partition: part.partition,
          ...reasonOf(error),
        });
        lose(part);
        return undefined;
      }
      await new Promise((wake) => setTimeout(wake, backOffMs(context.backOff, attempt)));
    }
  }
}
