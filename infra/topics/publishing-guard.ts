import type { Stored } from './kafka-producer.ts';
import { neverReached, type KnownEnds, type PartitionEnds } from './known-ends.ts';
import { topicLost } from './topic-engine.ts';

/** Sees to it that what is published follows what was: a topic that was made anew begins at its beginning. */
export type PublishingGuard = Readonly<{
  /** Watches a topic from its first message on. Those of dead letters are not: they are copies for whoever looks in. */
  watch(topic: string, id: number): void;
  /** Before messages are sent: a topic that is known as lost gets none, however long it has grown since. @throws `topic-lost` · `unavailable` */
  expectWhole(topic: string): Promise<void>;
  /** Once they are stored. @throws `topic-lost` where they stand before what was published earlier · `unavailable` */
  stored(topic: string, places: readonly Stored[]): Promise<void>;
}>;

/** The guard of one process. Others learn of a loss by what is noted of it. */
export function publishingGuard(known: KnownEnds): PublishingGuard {
  const ids = new Map<string, number>();
  const reached = new Map<string, PartitionEnds>();
  /** What was stored too early in topics, as long as nothing could be found out or noted of it. */
  const suspected = new Map<string, readonly Stored[]>();

  /** Answers with how far the topic reached in truth: somebody may have mended it since. */
  async function examine(topic: string, id: number, places: readonly Stored[]): Promise<PartitionEnds> {
    suspected.set(topic, places);
    const ends = await known.of(id);
    const lost = early(places, ends);
    if (lost.length > 0) await known.lose(id, lost);
    suspected.delete(topic);
    if (lost.length > 0) throw topicLost(topic);
    return ends;
  }

  return {
    watch: (topic, id) => {
      ids.set(topic, id);
    },
    expectWhole: async (topic) => {
      const id = ids.get(topic);
      if (id === undefined) return;
      const suspects = suspected.get(topic);
      if (suspects !== undefined) await examine(topic, id, suspects);
      const ends = await known.of(id);
      if ([...ends.values()].includes(neverReached)) throw topicLost(topic);
      reached.set(topic, furthest(reached.get(topic), ends));
    },
    stored: async (topic, places) => {
      const id = ids.get(topic);
      if (id === undefined) return;
      let ends = reached.get(topic) ?? new Map<number, number>();
      if (early(places, ends).length > 0) ends = await examine(topic, id, places);
      const stands = new Map(places.map(({ partition, end }) => [partition, end]));
      reached.set(topic, new Map([...ends, ...stands]));
      known.note(id, stands);
    },
  };
}

/** Partitions in which something is stored before what was there already. */
function early(places: readonly Stored[], ends: PartitionEnds): readonly number[] {
  return places
    .filter(({ partition, first }) => first < (ends.get(partition) ?? 0))
    .map(({ partition }) => partition);
}

function furthest(one: PartitionEnds | undefined, other: PartitionEnds): PartitionEnds {
  return new Map([...other].map(([partition, end]) => [partition, Math.max(end, one?.get(partition) ?? 0)]));
}
