import { DaybookError } from '@daybook/kernel/errors.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { Topics } from '@daybook/kernel/ports/topics.ts';
import type { Wakeups } from '../database/wakeups.ts';
import { untilDone } from '../runtime/loop.ts';
import { runMember, type MemberPace } from './consumer-group-member.ts';
import { topicChannel, type GroupLedger } from './group-ledger.ts';
import { partitionOf } from './partitioner.ts';
import { isTopicUnknown, type TopicEngine } from './topic-engine.ts';

export type TopicsOptions = Readonly<{
  /**
   * Name of this process, the same after a restart, and held by one process at a time. Its next incarnation takes over
   * its partitions at once, where a member without a name is waited for until its lease ends.
   */
  instance?: string;
  /** Default: lease 5 s, heartbeat 1.25 s, poll 10 ms after traffic to 1 s when idle, fetch gap
   *  3 ms, back-off 100 ms to 30 s. */
  pace?: Partial<MemberPace>;
}>;

const defaultPace: MemberPace = {
  leaseMs: 5_000,
  heartbeatMs: 1_250,
  activePollMs: 10,
  idlePollMs: 1_000,
  fetchGapMs: 3,
  backOff: { firstMs: 100, mostMs: 30_000 },
};

const defaultMaxBatch = 500;

/** The port over an engine: runs members, and keeps count of them for `close`. */
export function makeTopics(
  engine: TopicEngine,
  { wakeups, log, instance, pace }: TopicsOptions & { wakeups: Wakeups; log: Log },
): Topics {
  const closing = new AbortController();
  const runs = new Set<Promise<void>>();
  const seats = new Map<string, Set<number>>();

  async function member(...[topic, group, handler, options]: Parameters<Topics['run']>): Promise<void> {
    const seat = takeSeat(seats, `${topic} ${group}`);
    const paced = { ...defaultPace, ...pace };
    const signal = AbortSignal.any([options.signal, closing.signal]);
    const join = (): Promise<GroupLedger | DaybookError> =>
      engine
        .ledger(topic, group, {
          id: crypto.randomUUID(),
          instance: instance === undefined ? null : `${instance}#${String(seat.number)}`,
          leaseMs: paced.leaseMs,
        })
        .catch((error: unknown) => {
          if (isTopicUnknown(error)) return error;
          throw error;
        });
    try {
      // An engine that is away at this moment is waited for, as it is later on.
      const ledger = await untilDone('consumer start', join, { log: log.with({ topic, group }), signal });
      if (ledger === undefined) return;
      if (ledger instanceof DaybookError) throw ledger;
      await runMember({
        topic,
        group,
        handler,
        signal,
        maxBatch: options.maxBatch ?? defaultMaxBatch,
        ledger,
        pace: paced,
        wakeups,
        log,
      });
    } finally {
      seat.leave();
    }
  }

  /** Lets those fetch who wait for the topic. */
  const handBack = async (change: Promise<string | null>): Promise<void> => {
    const topic = await change;
    if (topic !== null) wakeups.notify(topicChannel(topic));
  };

  return {
    ensure: (topic, settings) => engine.ensure(topic, settings),
    partitionFor: async (topic, key) => partitionOf(key, await engine.partitions(topic)),
    publish: async (topic, messages) => {
      refuseWhenClosed(closing.signal);
      if (messages.length === 0) return;
      await engine.publish(topic, messages);
      wakeups.notify(topicChannel(topic));
    },
    run: async (...args) => {
      refuseWhenClosed(closing.signal);
      const run = member(...args);
      runs.add(run);
      try {
        await run;
      } finally {
        runs.delete(run);
      }
    },
    deadLetters: (topic, group, window) => engine.deadLetters(topic, group, window),
    release: (id) => handBack(engine.release(id)),
    skip: (id) => handBack(engine.skip(id)),
    setAside: async (topic, group, messages) => {
      if (messages.length > 0) await engine.setAside(topic, group, messages);
    },
    forget: (topic, group) => engine.forget(topic, group),
    lag: (topic, group) => engine.lag(topic, group),
    close: async () => {
      closing.abort();
      await Promise.allSettled(runs);
      await engine.close();
    },
  };
}

function refuseWhenClosed(signal: AbortSignal): void {
  if (signal.aborted) throw new DaybookError('aborted', 'The topics are closed.');
}

/** Numbers the members of one group within this process, so that their instance names differ and stay the same. */
function takeSeat(seats: Map<string, Set<number>>, name: string): { number: number; leave: () => void } {
  const taken = seats.get(name) ?? new Set<number>();
  seats.set(name, taken);
  let number = 0;
  while (taken.has(number)) number += 1;
  taken.add(number);
  return { number, leave: () => taken.delete(number) };
}
