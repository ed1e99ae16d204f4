import type { Position, RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { MessageCodec } from '../registry/codec.ts';
import { partitionOf } from '../topics/partitioner.ts';
import type { TopicUpkeep } from '../topics/topic-upkeep.ts';
import { passedEvents, type Late } from './passed-events.ts';
import { givenUp } from './relay-block.ts';
import { topicCursor, type Published, type TopicCursor } from './topic-cursor.ts';

export type CompareOptions = Readonly<{
  /** The log as it is stored: whether this build can read an event makes no difference here. */
  stored: Pick<EventStore, 'readAll'>;
  codec: Pick<MessageCodec, 'decode'>;
  upkeep: Pick<TopicUpkeep, 'read' | 'spans'>;
  topic: string;
  /** Messages that are older may be gone; absent: none may. */
  retentionMs?: number;
  /** The relay's checkpoint: up to there everything is to be on the topic. Taken before the call. */
  upTo: Position;
  /** Default: the time at which an event is looked at. */
  now?: number;
  /** Events that are remembered by their positions, and messages that are looked up together. Default 20 000. */
  most?: number;
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

/**
 * Compares log and topic side by side, in pages; of each event one bit is remembered. Both are in the order of positions
 * where nothing is amiss; what comes late is looked up in the log, many at a time.
 * @throws `unavailable` · `timeout`
 */
export async function compareTopic(options: CompareOptions): Promise<TopicComparison> {
  const { stored, upkeep, codec, topic, upTo, most = 20_000 } = options;
  const spans = (await upkeep.spans(topic)) ?? [];
  const cursors = spans.map((span) => topicCursor(upkeep, codec, topic, span));
  const counts = { events: 0, missing: 0, expired: 0, givenUp: 0, doubled: 0, disordered: 0, foreign: 0 };
  const whyAbsent = absence(options);
  const begun = new Set<TopicCursor | undefined>();
  // Retention may take away what the walk has not come to.
  const isBegun = (cursor: TopicCursor | undefined): boolean =>
    begun.has(cursor) && cursor?.skipped() !== true;
  const passed = passedEvents(
    stored,
    ({ position }, late) => {
      if (late === 'ofMissed') counts.missing -= 1;
      if (late !== 'repeat' || position <= upTo) counts[countOf[late]] += 1;
    },
    most,
  );

  /** Goes on in the event's partition up to its message; whether that is there. */
  async function meet({ id, position }: RecordedEvent, cursor: TopicCursor | undefined): Promise<boolean> {
    for (;;) {
      const message = (await cursor?.peek()) ?? null;
      // What lies beyond the walk came meanwhile, or was made up by somebody else: nothing waits behind it.
      if (message === null || (message.position > position && message.position <= upTo)) return false;
      cursor?.step();
      if (message.position <= upTo) begun.add(cursor);
      if (message.position === position && message.id === id) return true;
      await passed.late(message);
    }
  }

  walk: for await (const page of stored.readAll()) {
    for (const event of page) {
      if (event.position > upTo) break walk;
      counts.events += 1;
      const cursor = cursors[partitionOf(event.metadata.tenantId, cursors.length)];
      const why = (await meet(event, cursor)) ? null : await whyAbsent(event, isBegun(cursor));
      if (why !== null) counts[why] += 1;
      passed.pass(event, why === 'missing');
    }
  }
  for (const cursor of cursors) for await (const message of restOf(cursor)) await passed.late(message);
  await passed.settle();
  const { first: firstMissing, last: lastMissing } = await passed.missed();
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

const countOf = { ofMissed: 'disordered', repeat: 'doubled', foreign: 'foreign' } as const satisfies Record<
  Late,
  keyof TopicComparison
>;

async function* restOf(cursor: TopicCursor): AsyncGenerator<Published> {
  for (let message = await cursor.peek(); message !== null; message = await cursor.peek()) {
    cursor.step();
    yield message;
  }
}

/** Why an event has no message. An old one may be gone where nothing of its partition was met before it. */
function absence({
  stored,
  retentionMs = Infinity,
  now,
}: CompareOptions): (event: RecordedEvent, begun: boolean) => Promise<'expired' | 'givenUp' | 'missing'> {
  const isGivenUp = givenUp(stored);
  return async (event, begun) => {
    if (!begun && Date.parse(event.recordedAt) < (now ?? Date.now()) - retentionMs) return 'expired';
    return (await isGivenUp(event)) ? 'givenUp' : 'missing';
  };
}
