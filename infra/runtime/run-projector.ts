import { beginning } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { Topics } from '@daybook/kernel/ports/topics.ts';
import { eventsTopic, topicContracts } from '@daybook/schemas/topics.ts';
import type { Database } from '../database/database.ts';
import { setProjectorLag } from '../telemetry/metrics.ts';
import {
  ensureCheckpoints,
  mayHaveMissed,
  projectionConsumer,
  touchCheckpoints,
  type Consumer,
} from './checkpoints.ts';
import { measureLag } from './consumer-lag.ts';
import { untilDone } from './loop.ts';
import { projectFromStore } from './project-from-store.ts';
import { makeProjector, type ProjectorOptions } from './projector.ts';
import { ensureReadModel, showReadModel } from './read-models.ts';
import { partitionsOfTenants } from './tenant-partitions.ts';

export type RunProjectorOptions = ProjectorOptions &
  Readonly<{
    topics: Topics;
    eventStore: EventStore;
    signal: AbortSignal;
    /** Default: the events topic as its contract describes it. */
    topic?: Readonly<{ name: string; partitions: number; retentionMs?: number }>;
    /** Most messages in a transaction. Default 500. */
    maxBatch?: number;
    /** Called once the read model is shown and follows the topic. */
    onReady?: () => void;
    /** How often the lag is measured, in milliseconds. Default 10 000. */
    lagEveryMs?: number;
  }>;

/**
 * Keeps a projection's read model up to date until `signal` aborts:
 * 1. create the table of this version, and its checkpoints,
 * 2. where the version was never shown, or stood still so long that the topic may have been emptied meanwhile: fold the
 *    log itself up to its present end,
 * 3. let the view show this version,
 * 4. follow the topic as a member of the version's group.
 *
 * Each step may be repeated. A death in 2 goes on at the checkpoints; the view shows the former version until 3.
 * @throws `configuration-invalid` where the table differs from the declaration of the same version
 */
export async function runProjector(options: RunProjectorOptions): Promise<void> {
  const { projection, topics, database, log, signal } = options;
  const topic = options.topic ?? eventsTopicContract();
  const consumer = projectionConsumer(projection);
  const loop = { log: log.with({ projection: projection.name }), signal };
  await untilDone('projector start', () => prepare(options, topic, consumer), loop);
  await untilDone('read model', () => showReadModel(database, projection), loop);
  if (signal.aborted) return;
  options.onReady?.();
  const projector = makeProjector(options);
  const { maxBatch = 500 } = options;
  await Promise.all([
    topics.run(topic.name, consumer.group, projector.handle, { signal, maxBatch }),
    measureLag({
      ...options,
      topic: topic.name,
      group: consumer.group,
      record: (partition, behind) => {
        setProjectorLag(projection.name, partition, behind);
      },
    }),
  ]);
}

function eventsTopicContract(): NonNullable<RunProjectorOptions['topic']> {
  const contract = topicContracts.find(({ name }) => name === eventsTopic);
  if (contract === undefined) throw new Error('The contracts name no events topic.');
  return contract;
}

/** Events of a pass over the log that are too few for another one. */
const shortPass = 2_000;

async function prepare(
  options: RunProjectorOptions,
  topic: NonNullable<RunProjectorOptions['topic']>,
  consumer: Consumer,
): Promise<void> {
  const { projection, database, eventStore, topics, signal } = options;
  await ensureReadModel(database, projection);
  await ensureCheckpoints(database.pool, consumer, topic.partitions, beginning);
  if (await isUpToTopic(database, consumer, topic.retentionMs)) return;
  const partitionOf = partitionsOfTenants(topics, topic.name);
  // Each further pass reads what was recorded during the one before; what little is left the topic brings.
  for (let events = Infinity; events > shortPass && !signal.aborted;) {
    events = await projectFromStore({ projection, eventStore, database, partitionOf, signal });
  }
  // Stopped halfway it has to begin here again: the topic may not hold the rest.
  if (!signal.aborted) await touchCheckpoints(database.pool, consumer);
}

/** Whether everything that is missing is on the topic for certain. */
async function isUpToTopic(
  database: Database,
  consumer: Consumer,
  retentionMs: number | undefined,
): Promise<boolean> {
  const { rows } = await database.pool.query(
    `select from runtime.read_models where projection = $1 and version >= $2`,
    [consumer.name, consumer.version],
  );
  return rows.length > 0 && !(await mayHaveMissed(database.pool, consumer, retentionMs));
}
