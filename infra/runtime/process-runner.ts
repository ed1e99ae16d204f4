import type { Position, RecordedEvent } from '@daybook/kernel/event.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { Batch, InMessage, SetAsideKeys, Verdict } from '@daybook/kernel/ports/topics.ts';
import type { AnyProcess, TopicMessage } from '@daybook/kernel/process.ts';
import { eventsTopic } from '@daybook/schemas/topics.ts';
import type { Database } from '../database/database.ts';
import type { Wakeups } from '../database/wakeups.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import type { MessageCodec } from '../registry/codec.ts';
import { batchHandler, refusedOr, refusing } from './batch-handler.ts';
import {
  advanced,
  appliedUpTo,
  moveCheckpoint,
  processConsumer,
  readCheckpoint,
  type Checkpoint,
  type Querier,
} from './checkpoints.ts';
import {
  holdsWith,
  isIdle,
  movedCheckpoint,
  readInbox,
  storedInbox,
  unreadableReason,
  type Inbox,
  type Poison,
} from './inbox.ts';
import { routed, stepAll, type ProcessChanges, type RoutedInput } from './process-step.ts';
import { keepInputs, lockInstances, writeProcessChanges } from './process-store.ts';

export type ProcessRunnerOptions = Readonly<{
  process: AnyProcess;
  codec: Pick<MessageCodec, 'decode'>;
  database: Database;
  wakeups: Pick<Wakeups, 'notify'>;
  log: Log;
}>;

export type ProcessRunner = Readonly<{
  handle: (batch: Batch) => Promise<Verdict>;
  /**
   * Takes in events of one partition that come from the store itself, in order; those taken in before are passed over.
   * @throws InputRefused · what engines throw
   */
  takeStored: (partition: number, events: readonly RecordedEvent[]) => Promise<void>;
  /** Holds a tenant where it is, before an event of the store that is refused; answers with where that is. */
  holdStored: (partition: number, tenantId: string, reason: string) => Promise<Position>;
}>;

/** Signalled when timers were set, and when effects wait for the dispatcher. */
export const timersChannel = 'timers';
export const outboxChannel = 'outbox';

/**
 * Makes the runner of one process. A batch goes (in brackets the test that dies after the step, once on the events topic
 * and once on another):
 * 1. decode what is new: by the partition's checkpoint on the events topic, all of it on another topic
 *    [process-runner.int.spec.ts "a death after read neither loses nor doubles"],
 * 2. in a transaction, move the checkpoint from the count of moves that is known (another topic: keep the ids of messages
 *    and pass over those kept before)
 *    [process-runner.int.spec.ts "a death after fenced neither loses nor doubles"],
 * 3. lock the instances that the inputs go to, take the inputs through them, write states, timers and effects
 *    [process-runner.int.spec.ts "a death after written neither loses nor doubles"],
 * 4. commit [process-runner.int.spec.ts "a death after committed neither loses nor doubles"],
 * 5. signal the dispatcher and the timer loop, answer `done`, whereupon the topic moves the group on
 *    [process-runner.int.spec.ts "a death after notified neither loses nor doubles"].
 *
 * A death before 4 leaves nothing behind, and the batch comes again. A death after 4 brings the batch again, and 1 or 2
 * passes over it; effects and timers are found by the polling of their loops where the signal was lost. Two members that
 * take themselves for the partition's owner meet in 2, where one of them finds another count of moves.
 *
 * Inputs that cannot be decoded, routed or reacted to are parked; failures of engines are not.
 */
export function makeProcessRunner(options: ProcessRunnerOptions): ProcessRunner {
  const { process, database, log, codec } = options;
  const consumer = processConsumer(process);
  const known = new Map<number, Checkpoint>();
  const passOver =
    process.unreadable === 'park'
      ? undefined
      : ({ tenantId, reason }: Poison): void => {
          log.error('A message that cannot be read is passed over.', {
            process: process.name,
            tenantId,
            reason,
          });
        };

  /** Inputs of the events topic: their positions are the store's, and the checkpoint tells which are new. */
  async function takeEvents(
    partition: number,
    read: (checkpoint: Checkpoint) => Inbox | Promise<Inbox>,
    { fromStore = false, keys }: Readonly<{ fromStore?: boolean; keys?: SetAsideKeys }> = {},
  ): Promise<Inbox> {
    for (;;) {
      const isOwn = known.has(partition);
      const checkpoint = known.get(partition) ?? (await readCheckpoint(database.pool, consumer, partition));
      const inbox = await read(checkpoint);
      await failpoint('process.read');
      if (isIdle(inbox, keys)) return inbox;
      const { position, holds } = advanced(checkpoint, inbox.arrivals);
      const allHolds = holdsWith(holds, checkpoint, inbox, {
        position,
        isOwn,
        ...(keys === undefined ? {} : { keys }),
      });
      const inputs = inbox.arrivals.flatMap(({ event }) => (event === undefined ? [] : [event]));
      const { moves } = checkpoint;
      const fence = (querier: Querier): Promise<boolean> =>
        moveCheckpoint(querier, consumer, { partition, position, moves, fromStore }, allHolds);
      if (await settle(inputs, fence)) {
        known.set(partition, movedCheckpoint(checkpoint, position, allHolds));
        return inbox;
      }
      log.info('Another member moved the checkpoint; the batch begins anew.', {
        process: process.name,
        partition,
      });
      known.delete(partition);
    }
  }

  /** Messages of another topic: their ids tell which are new. */
  async function takeMessages(messages: readonly InMessage[], poison?: Poison): Promise<{ poison?: Poison }> {
    if (poison !== undefined) return { poison };
    const read = await readMessages(messages, process.handles, codec, passOver);
    await failpoint('process.read');
    if (read.inputs.length > 0) await settle(read.inputs, () => Promise.resolve(true), true);
    return read;
  }

  async function settle(
    inputs: readonly (RecordedEvent | TopicMessage)[],
    fence: (querier: Querier) => Promise<boolean>,
    byId = false,
  ): Promise<boolean> {
    const routes = refusing('process', () => routed(process, inputs));
    if (routes.length === 0) return fence(database.pool);
    const changes = await database
      .transaction(async (client) => {
        if (!(await fence(client))) return null;
        await failpoint('process.fenced');
        return await stepStored(client, byId ? await notKept(client, routes) : routes);
      })
      .catch((error: unknown) => {
        throw refusedOr(error);
      });
    if (changes === null) return false;
    await failpoint('process.committed');
    signalChanges(options.wakeups, changes);
    await failpoint('process.notified');
    return true;
  }

  async function notKept(querier: Querier, routes: readonly RoutedInput[]): Promise<readonly RoutedInput[]> {
    const left = new Set(
      await keepInputs(
        querier,
        process.name,
        routes.map(({ input }) => input.id),
      ),
    );
    // `delete` tells whether the id was there: a message that stands twice in a batch counts once.
    return routes.filter(({ input }) => left.delete(input.id));
  }

  async function stepStored(querier: Querier, routes: readonly RoutedInput[]): Promise<ProcessChanges> {
    const { states, now } = await lockInstances(querier, process.name, routes);
    const changes = refusing('process', () => stepAll(process, routes, states, now));
    await writeProcessChanges(querier, process.name, changes);
    await failpoint('process.written');
    return changes;
  }

  const readNew =
    (messages: readonly InMessage[], poison?: Poison) =>
    (checkpoint: Checkpoint): Inbox | Promise<Inbox> =>
      poison === undefined
        ? readInbox(messages, checkpoint, process.handles, codec, passOver)
        : { arrivals: [], poison };

  return {
    takeStored: async (partition, events) => {
      await takeEvents(partition, (checkpoint) => storedInbox(events, checkpoint, process.handles), {
        fromStore: true,
      });
    },
    holdStored: async (partition, tenantId, reason) => {
      const poison: Poison = { index: 0, tenantId, reason };
      await takeEvents(partition, () => ({ arrivals: [], poison }), { fromStore: true });
      return appliedUpTo(await readCheckpoint(database.pool, consumer, partition), tenantId);
    },
    handle: batchHandler({
      what: `process ${process.name}`,
      log,
      takeIn: isOnEvents(process)
        ? (partition, messages, { poison, keys } = {}) =>
            takeEvents(partition, readNew(messages, poison), keys === undefined ? {} : { keys })
        : (_, messages, { poison } = {}) => takeMessages(messages, poison),
      forget: (partition) => known.delete(partition),
    }),
  };
}

/** Signals those who wait for what was written. */
export function signalChanges(
  wakeups: Pick<Wakeups, 'notify'>,
  { effects, timers }: Pick<ProcessChanges, 'effects' | 'timers'>,
): void {
  if (effects.length > 0) wakeups.notify(outboxChannel);
  if (timers.length > 0) wakeups.notify(timersChannel);
}

/** Whether a process reads the events topic. */
export function isOnEvents({ topic = eventsTopic }: AnyProcess): boolean {
  return topic === eventsTopic;
}

async function readMessages(
  messages: readonly InMessage[],
  handles: ReadonlySet<string>,
  codec: Pick<MessageCodec, 'decode'>,
  passOver?: (poison: Poison) => void,
): Promise<{ inputs: readonly (RecordedEvent | TopicMessage)[]; poison?: Poison }> {
  const inputs: (RecordedEvent | TopicMessage)[] = [];
  for (const [index, message] of messages.entries()) {
    const { ce_type: type, ce_tenantid: tenantId = message.key } = message.headers;
    if (type !== undefined && !handles.has(type)) continue;
    try {
      inputs.push(await codec.decode(message));
    } catch (error) {
      const poison = { index, tenantId, reason: unreadableReason(error) };
      if (passOver === undefined) return { inputs, poison };
      passOver(poison);
    }
  }
  return { inputs };
}
