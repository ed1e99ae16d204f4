import { beginning } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { Topics } from '@daybook/kernel/ports/topics.ts';
import { eventsTopic, topicContracts } from '@daybook/schemas/topics.ts';
import type { MessageCodec } from '../registry/codec.ts';
import type { Database } from '../database/database.ts';
import { setProjectorLag } from '../telemetry/metrics.ts';
import { ensureCheckpoints, mayHaveMissed, projectionConsumer, touchCheckpoints } from './checkpoints.ts';
import { measureLag } from './consumer-lag.ts';
import { untilDone } from './loop.ts';
import { projectFromStore } from './project-from-store.ts';
import { makeProjector, type ProjectorOptions } from './projector.ts';
import { ensureReadModel } from './read-models.ts';
import {
  recordedBuilds,
  sameBuild,
  shownBuilds,
  type ReadModelBuild,
  type ShownBuilds,
} from './rebuild/builds.ts';
import { dropOldBuilds } from './rebuild/drop-builds.ts';
import type { Refusal } from './rebuild/fold-target.ts';
import { parkRefused, releaseTakenIn } from './rebuild/park-refused.ts';
import { refusedEvents } from './rebuild/refused-events.ts';
import { switchReadModel } from './rebuild/switch-read-model.ts';
import { partitionsOfTenants } from './tenant-partitions.ts';

export type RunProjectorOptions = ProjectorOptions &
  Readonly<{
    codec: Pick<MessageCodec, 'decode' | 'encodeEvents'>;
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
 * 3. where the version was never shown: let the view show it, once it has everything that the view shows today (where
 *    that became another build meanwhile, it begins again at 1),
 * 4. follow the topic as a member of the version's group, into the build that the version follows.
 *
 * Each step may be repeated. A death in 2 goes on at the checkpoints; the view shows the former version until 3, and old
 * processes go on with theirs. A version that was shown and gone back from is not shown again by itself.
 *
 * An event that the fold cannot take in is parked with all that follows for its tenant, so that the others are served.
 * Where another version is shown that has the event, that one goes on serving, and this one stops.
 * @throws `configuration-invalid` where the table differs from the declaration of the same version, and where an event
 *   cannot be taken in that another version has
 */
export async function runProjector(options: RunProjectorOptions): Promise<void> {
  const { projection, topics, log, signal } = options;
  const topic = options.topic ?? eventsTopicContract();
  const { group } = projectionConsumer(projection);
  const loop = { log: log.with({ projection: projection.name }), signal };
  await untilDone('projector start', () => prepare(options, topic), loop);
  if (signal.aborted) return;
  options.onReady?.();
  const projector = makeProjector(options);
  const { maxBatch = 500 } = options;
  await Promise.all([
    topics.run(topic.name, group, projector.handle, { signal, maxBatch }),
    measureLag({
      ...options,
      topic: topic.name,
      group,
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
): Promise<void> {
  const { projection, database, signal } = options;
  const build = await ensureReadModel(database, projection);
  await ensureCheckpoints(database.pool, build.consumer, topic.partitions, beginning);
  const mayMiss = (): Promise<boolean> => mayHaveMissed(database.pool, build.consumer, topic.retentionMs);
  const shown = await shownBuilds(database.pool, projection.name);
  const isShown = shown !== undefined && shown.version >= projection.version;
  if (isShown && !(await mayMiss())) return;
  const refusals = new Map<string, Refusal>();
  // Once the build was shown, whoever showed it follows the topic.
  const isNeeded = async (): Promise<boolean> => !(await wasEverShown(database, build)) || mayMiss();
  const taking: Taking = { ...options, build, refusals, shown, topic: topic.name, isNeeded };
  await takeIn(taking);
  // Stopped halfway it has to begin here again: the topic may not hold the rest.
  if (signal.aborted) return;
  await touchCheckpoints(database.pool, build.consumer);
  if (isShown || (shown !== undefined && (await wasEverShown(database, build)))) return;
  // Somebody else was quicker, such as a rebuild: what is shown now may be what is wanted.
  if ((await show(taking)) === 'moved on') await prepare(options, topic);
}

type Taking = Omit<RunProjectorOptions, 'topic'> &
  Readonly<{
    topic: string;
    build: ReadModelBuild;
    refusals: Map<string, Refusal>;
    shown: ShownBuilds | undefined;
    isNeeded: () => Promise<boolean>;
  }>;

async function wasEverShown(database: Database, { projection, build }: ReadModelBuild): Promise<boolean> {
  const recorded = await recordedBuilds(database.pool, projection.name);
  return recorded.some((one) => sameBuild(one, { ...projection, build }) && one.everShown);
}

async function takeIn(taking: Taking): Promise<void> {
  const { build, database, topics, signal, topic } = taking;
  const partitionOf = partitionsOfTenants(topics, topic);
  // Each further pass reads what was recorded during the one before; what little is left the topic brings.
  for (let events = Infinity; events > shortPass && !signal.aborted;) {
    events = await projectFromStore({ ...taking, build: build.build, partitionOf });
  }
  if (signal.aborted) return;
  await parkRefused(taking);
  await releaseTakenIn(database, taking);
}

async function show(taking: Taking): Promise<'moved on' | undefined> {
  const { topics, topic, signal, log, build, refusals, shown } = taking;
  const partitionOf = partitionsOfTenants(topics, topic);
  while (!signal.aborted) {
    const outcome = await switchReadModel({ ...taking, from: shown, partitionOf });
    if (outcome === 'shown') {
      log.info('A read model is shown.', {
        projection: build.projection.name,
        version: build.projection.version,
      });
      await dropOldBuilds(taking);
      return undefined;
    }
    if (outcome === 'moved on') return outcome;
    if (outcome === 'set back') {
      throw refusedEvents(build, refusals, `Version ${String(shown?.version)} stays shown.`);
    }
    await takeIn(taking);
  }
  return undefined;
}
