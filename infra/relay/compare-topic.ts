import { LRUCache } from 'lru-cache';
import type { Position, RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { MessageCodec } from '../registry/codec.ts';
import { partitionOf } from '../topics/partitioner.ts';
import type { TopicUpkeep } from '../topics/topic-upkeep.ts';
import { givenUp } from './relay-block.ts';
import { topicCursor, type Published, type TopicCursor } from './topic-cursor.ts';

export type CompareOptions = Readonly<{
  /** The log as it is stored: whether this build can read an event makes no difference here. */
  stored: Pick<EventStore, 'readAll' | 'at'>;
  codec: Pick<MessageCodec, 'decode'>;
  upkeep: Pick<TopicUpkeep, 'read' | 'spans'>;
  topic: string;
  /** Messages that are older may be gone; absent: none may. */
  retentionMs?: number;
  /** The relay's checkpoint: up to there everything is to be on the topic. Taken before the call. */
  upTo: Position;
  now?: number;
}>;

/** The log up to the relay's checkpoint beside the topic. */
export type TopicComparison = Readonly<{
  upTo: Position;
  /** Events of the log up to there. */
  events: number;
  messages: number;
  /** Events that are not on the topic and should be: those that are older than the retention, and those that somebody gave up, need not. */
  missing: number;
  firstMissing: Position | null;
  lastMissing: Position | null;
  expired: number;
  givenUp: number;
  /** Messages of an event that was there before, in the same place of order: consumers pass them over. */
  doubled: number;
  /** Events of a key that stand behind a later one of it. */
  disordered: number;
  /** Messages of an event that the log has not. */
  foreign: number;
  /** Messages that nobody can read. */
  undecodable: number;
}>;

/** Positions that are remembered at once: of events seen, and of events missed so far. */
const mostSeen = 20_000;
const mostMissed = 20_000;

/**
 * Compares log and topic side by side, in pages, so that memory stays the same whatever their lengths. Both are in the
 * order of positions where nothing is amiss; what comes late is looked up among the missed, then in the log itself.
 * Where more is missed at once than is remembered, what comes later of it counts as doubled.
 * @throws `unavailable` · `timeout`
 */
export async function compareTopic(options: CompareOptions): Promise<TopicComparison> {
  const { stored, upkeep, codec, topic, upTo, retentionMs = Infinity } = options;
  const oldest = (options.now ?? Date.now()) - retentionMs;
  const spans = (await upkeep.spans(topic)) ?? [];
  const cursors = spans.map((span) => topicCursor(upkeep, codec, topic, span));
  const seen = new LRUCache<Position, string>({ max: mostSeen });
  const missed = new Map<Position, string>();
  const counts = { events: 0, missing: 0, expired: 0, givenUp: 0, doubled: 0, disordered: 0, foreign: 0 };
  const isGivenUp = givenUp(stored);
  let firstMissing: Position | null = null;
  let lastMissing: Position | null = null;

  async function miss(event: RecordedEvent, cursor: TopicCursor | undefined): Promise<void> {
    if (cursor?.begun() !== true && Date.parse(event.recordedAt) < oldest) {
      counts.expired += 1;
    } else if (await isGivenUp(event)) {
      counts.givenUp += 1;
    } else {
      counts.missing += 1;
      if (missed.size < mostMissed) missed.set(event.position, event.id);
      firstMissing ??= event.position;
      lastMissing = event.position;
    }
  }

  /** A message of an event that the walk through the log is past, or that it does not reach. */
  async function late({ id, position }: Published): Promise<void> {
    if (missed.get(position) === id) {
      missed.delete(position);
      counts.missing -= 1;
      counts.disordered += 1;
    } else if (seen.get(position) === id || (await stored.at(position))?.id === id) {
      counts.doubled += position > upTo ? 0 : 1;
    } else {
      counts.foreign += 1;
    }
  }

  async function meet(event: RecordedEvent): Promise<void> {
    const cursor = cursors[partitionOf(event.metadata.tenantId, cursors.length)];
    for (;;) {
      const message = (await cursor?.peek()) ?? null;
      if (message === null || message.position > event.position) return miss(event, cursor);
      cursor?.step();
      if (message.position === event.position && message.id === event.id) break;
      await late(message);
    }
    seen.set(event.position, event.id);
  }

  walk: for await (const page of stored.readAll()) {
    for (const event of page) {
      if (event.position > upTo) break walk;
      counts.events += 1;
      await meet(event);
    }
  }
  for (const cursor of cursors) {
    for (let message = await cursor.peek(); message !== null; message = await cursor.peek()) {
      cursor.step();
      await late(message);
    }
  }
  // Some of them may have come late.
  if (missed.size > 0) [firstMissing = null] = missed.keys();
  if (counts.missing === 0) firstMissing = lastMissing = null;
  const read = cursors.map((cursor) => cursor.counts());
  return {
    upTo,
    ...counts,
    firstMissing,
    lastMissing,
    messages: read.reduce((sum, { messages }) => sum + messages, 0),
    undecodable: read.reduce((sum, { undecodable }) => sum + undecodable, 0),
  };
}
