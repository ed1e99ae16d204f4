import type { Clock, Log } from '@daybook/kernel/ports/outside.ts';
import type { InMessage, TopicSettings, Topics } from '@daybook/kernel/ports/topics.ts';
import { memoryWakeups } from '../database/wakeups.ts';
import { makeTopics, type TopicsOptions } from './make-topics.ts';
import {
  makeMemoryGroup,
  memoryLedger,
  releaseLetter,
  setMessagesAside,
  skipLetter,
  type MemoryGroup,
  type MemoryLetter,
} from './memory-group.ts';
import { partitionOf } from './partitioner.ts';
import { partitionMismatch, topicUnknown, type TopicEngine } from './topic-engine.ts';

const systemClock: Clock = { now: () => new Date().toISOString() };

const quiet: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  with: () => quiet,
};

/**
 * Topics that live as long as the process: for tests. Nothing is removed by retention.
 * @param options.clock stamps messages and dead letters; pauses and leases run in real time
 */
export function memoryTopics(options: TopicsOptions & { clock?: Clock; log?: Log } = {}): Topics {
  const { clock = systemClock, log = quiet, ...others } = options;
  return makeTopics(memoryTopicEngine(clock), { ...others, wakeups: memoryWakeups(), log });
}

type MemoryTopic = { settings: TopicSettings; log: InMessage[][]; groups: Map<string, MemoryGroup> };

/** One broker; several `makeTopics` over it are several processes. */
export function memoryTopicEngine(clock: Clock = systemClock): TopicEngine {
  const topics = new Map<string, MemoryTopic>();
  let lastLetter = 0;
  const find = (name: string): MemoryTopic => {
    const topic = topics.get(name);
    if (topic === undefined) throw topicUnknown(name);
    return topic;
  };
  const groupOf = (name: string, group: string): MemoryGroup => {
    const topic = find(name);
    const found =
      topic.groups.get(group) ??
      makeMemoryGroup({
        topic: name,
        name: group,
        log: topic.log,
        nextLetter: () => ++lastLetter,
        now: () => clock.now(),
      });
    topic.groups.set(group, found);
    return found;
  };
  const lettersOf = (name: string) =>
    [...(topics.get(name)?.groups.values() ?? [])].flatMap(({ letters }) => letters);
  const letterOf = (id: number): MemoryLetter | undefined =>
    [...topics.keys()].flatMap(lettersOf).find((one) => one.id === id);
  return {
    ensure: async (name, settings) => {
      const existing = topics.get(name);
      if (existing !== undefined && existing.log.length !== settings.partitions) {
        throw partitionMismatch(name, settings.partitions, existing.log.length);
      }
      if (existing !== undefined) existing.settings = settings;
      else {
        const log = Array.from({ length: settings.partitions }, (): InMessage[] => []);
        topics.set(name, { settings, log, groups: new Map() });
      }
    },
    partitions: async (name) => find(name).log.length,
    publish: async (name, messages) => {
      const { log } = find(name);
      const publishedAt = clock.now();
      for (const message of messages) {
        const partition = partitionOf(message.key, log.length);
        const kept = log[partition] ?? [];
        kept.push({ ...message, partition, offset: kept.length, publishedAt, attempt: 1 });
      }
    },
    ledger: async (name, group, member) => memoryLedger(groupOf(name, group), member),
    deadLetters: async (
      name,
      group,
      { parkedOnly = false, after = 0, most = Infinity } = { most: Infinity },
    ) =>
      lettersOf(name)
        .filter((letter) => !letter.released && (group === undefined || letter.group === group))
        .filter(({ id, parked }) => id > after && (parked || !parkedOnly))
        .sort((a, b) => a.id - b.id)
        .slice(0, most)
        .map(({ id, topic, group: own, message, attempt, parked, reason, parkedAt }) => ({
          id,
          topic,
          group: own,
          message: { ...message, attempt: Math.max(1, attempt) },
          parked,
          reason,
          parkedAt,
        })),
    release: async (id) => {
      const letter = letterOf(id);
      if (letter === undefined) return null;
      releaseLetter(groupOf(letter.topic, letter.group), letter);
      return letter.topic;
    },
    skip: async (id) => {
      const letter = letterOf(id);
      if (letter === undefined) return null;
      return skipLetter(groupOf(letter.topic, letter.group), letter) ? letter.topic : null;
    },
    forget: async (name, group) => {
      const { groups } = find(name);
      const members = groups.get(group)?.members.values() ?? [];
      if (![...members].some(({ expiresAt }) => expiresAt > performance.now())) groups.delete(group);
    },
    setAside: async (name, group, messages) => {
      const { length } = find(name).log;
      setMessagesAside(
        groupOf(name, group),
        messages.map((message) => ({ ...message, partition: partitionOf(message.key, length) })),
      );
    },
    lag: async (name, group) => {
      const { cursors, log, letters } = groupOf(name, group);
      return cursors.map(({ next }, partition) => {
        const [oldestParkedAt] = letters
          .filter(({ parked, released, message }) => parked && !released && message.partition === partition)
          .flatMap(({ firstParkedAt }) => firstParkedAt ?? [])
          .sort();
        const publishedAt = log[partition]?.[next]?.publishedAt;
        return {
          partition,
          next,
          end: log[partition]?.length ?? 0,
          ...(publishedAt === undefined
            ? {}
            : { waitingMs: Math.max(0, Date.parse(clock.now()) - Date.parse(publishedAt)) }),
          ...(oldestParkedAt === undefined ? {} : { oldestParkedAt }),
        };
      });
    },
    close: async () => undefined,
  };
}
