import type { GroupLag } from '@daybook/kernel/ports/topics.ts';
import type { KafkaTopicsAdmin } from './kafka-admin.ts';

/** The first step back, in milliseconds; each is twice the one before. */
const firstStepMs = 250;

/** So far back it is looked: some 70 years. */
const mostSteps = 43;

/**
 * For how long the message to be handled next waits in each partition, in milliseconds. Kafka tells the offset of a
 * time, not the time of an offset: it is found by steps back that double, so that an age is told up to twice too high
 * and never too low. What was found of a message is kept, since its time does not change. `now` is the database's, since
 * brokers do not tell theirs, and the clock of the host that asks may be anything.
 */
export function waitingTimes(
  admin: Pick<KafkaTopicsAdmin, 'offsetsAt'>,
): (
  topic: string,
  places: readonly Pick<GroupLag, 'partition' | 'next' | 'end'>[],
  now: number,
) => Promise<ReadonlyMap<number, number>> {
  /** By topic and partition: the offset, and a time that it was there at. */
  const known = new Map<string, Readonly<{ offset: number; since: number }>>();
  return async (topic, places, now) => {
    const waiting = new Map<number, number>();
    let open = places.filter(({ next, end }) => next < end);
    open = open.filter(({ partition, next }) => {
      const found = known.get(`${topic} ${String(partition)}`);
      if (found?.offset !== next) return true;
      waiting.set(partition, Math.max(0, now - found.since));
      return false;
    });
    for (let step = 0; open.length > 0 && step < mostSteps; step += 1) {
      const since = Math.max(0, now - firstStepMs * 2 ** step);
      const offsets = await admin.offsetsAt(topic, since);
      open = open.filter(({ partition, next }) => {
        if ((offsets.get(partition) ?? 0) > next) return true;
        known.set(`${topic} ${String(partition)}`, { offset: next, since });
        waiting.set(partition, now - since);
        return false;
      });
    }
    return waiting;
  };
}
