import { beginning, type Position, type RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { Topics } from '@daybook/kernel/ports/topics.ts';
import { eventsTopic, topicContracts } from '@daybook/schemas/topics.ts';
import type { MessageCodec } from '../registry/codec.ts';
import { setProcessLag } from '../telemetry/metrics.ts';
import {
  ensureCheckpoints,
  mayHaveMissed,
  processConsumer,
  readCheckpoint,
  touchCheckpoints,
  type Consumer,
} from './checkpoints.ts';
import { measureLag } from './consumer-lag.ts';
import { untilDone } from './loop.ts';
import {
  isOnEvents,
  makeProcessRunner,
  type ProcessRunner,
  type ProcessRunnerOptions,
} from './process-runner.ts';
import { parkRefused, releaseTakenIn } from './rebuild/park-refused.ts';
import type { Refusal } from './rebuild/fold-target.ts';
import { takeOrHold } from './take-stored.ts';
import { partitionsOfTenants, type PartitionOf } from './tenant-partitions.ts';

export type RunProcessOptions = ProcessRunnerOptions &
  Readonly<{
    codec: Pick<MessageCodec, 'decode' | 'encodeEvents'>;
    topics: Topics;
    eventStore: EventStore;
    signal: AbortSignal;
    /** The process's topic. Default: as its contract describes it. */
    topic?: Readonly<{ partitions: number; retentionMs?: number }>;
    /** Most messages in a transaction. Default 500. */
    maxBatch?: number;
    /** Called once the process follows its topic. */
    onReady?: () => void;
    /** How often the lag is measured, in milliseconds. Default 10 000. */
    lagEveryMs?: number;
  }>;

/**
 * Runs a process as a member of its group until `signal` aborts. A process begins with what its topic holds when it is
 * first run; one on the events topic that stood still so long that the topic may have been emptied meanwhile takes what
 * it missed from the store. An event that it cannot take in from there is parked, and what follows for its tenant waits.
 */
export async function runProcess(options: RunProcessOptions): Promise<void> {
  const { process, topics, log, signal, maxBatch = 500 } = options;
  const consumer = processConsumer(process);
  const name = process.topic ?? eventsTopic;
  const topic = options.topic ?? topicContracts.find((contract) => contract.name === name);
  if (topic === undefined) throw new Error(`The contracts name no topic ${name}.`);
  const runner = makeProcessRunner(options);
  if (isOnEvents(process)) {
    const prepare = (): Promise<void> => catchUp(options, consumer, topic, runner);
    await untilDone('process start', prepare, { log: log.with({ process: process.name }), signal });
  }
  if (signal.aborted) return;
  options.onReady?.();
  await Promise.all([
    topics.run(name, consumer.group, runner.handle, { signal, maxBatch }),
    measureLag({
      ...options,
      topic: name,
      group: consumer.group,
      record: (partition, behind) => {
        setProcessLag(process.name, partition, behind);
      },
    }),
  ]);
}

async function catchUp(
  options: RunProcessOptions,
  consumer: Consumer,
  { partitions, retentionMs }: NonNullable<RunProcessOptions['topic']>,
  runner: ProcessRunner,
): Promise<void> {
  const { process, database, eventStore, topics, maxBatch = 500, signal } = options;
  await ensureCheckpoints(database.pool, consumer, partitions, beginning);
  if (!(await mayHaveMissed(database.pool, consumer, retentionMs))) return;
  const partitionOf = partitionsOfTenants(topics, eventsTopic);
  const after = await leastPosition(database, consumer, partitions);
  const refusals = new Map<string, Refusal>();
  const take = takeOrHold(runner, refusals);
  for await (const page of eventStore.readAll({ after, pageSize: maxBatch })) {
    if (signal.aborted) return;
    for (const [partition, events] of await byPartition(page, partitionOf)) await take(partition, events);
  }
  if (signal.aborted) return;
  const build = { consumer, projection: process };
  await parkRefused({ ...options, build, topic: eventsTopic, refusals });
  await releaseTakenIn(database, { build, topic: eventsTopic, topics });
  await touchCheckpoints(database.pool, consumer);
}

async function leastPosition(
  { pool }: RunProcessOptions['database'],
  consumer: Consumer,
  partitions: number,
): Promise<Position> {
  const checkpoints = await Promise.all(
    Array.from({ length: partitions }, (_, partition) => readCheckpoint(pool, consumer, partition)),
  );
  return checkpoints
    .flatMap(({ position, holds }) => [position, ...holds.values()])
    .reduce((a, b) => (b < a ? b : a));
}

async function byPartition(
  events: readonly RecordedEvent[],
  partitionOf: PartitionOf,
): Promise<ReadonlyMap<number, readonly RecordedEvent[]>> {
  const groups = new Map<number, RecordedEvent[]>();
  for (const event of events) {
    const partition = await partitionOf(event.metadata.tenantId);
    groups.set(partition, [...(groups.get(partition) ?? []), event]);
  }
  return groups;
}
