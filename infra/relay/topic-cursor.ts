/** Walks through a partition of the events topic, message by message, for whoever compares it with the log. */
import { isDaybookError } from '@daybook/kernel/errors.ts';
import type { Position, RecordedEvent } from '@daybook/kernel/event.ts';
import type { InMessage } from '@daybook/kernel/ports/topics.ts';
import { isPosition } from '../event-store/position.ts';
import type { MessageCodec } from '../registry/codec.ts';
import type { PartitionSpan, TopicUpkeep } from '../topics/topic-upkeep.ts';

/** What a message says of the event in it. */
export type Published = Readonly<{ id: string; position: Position }>;

export type TopicCursor = Readonly<{
  /** The next message that can be read, or null at the end. */
  peek(): Promise<Published | null>;
  /** Goes on to the one after it. */
  step(): void;
  /** Whether messages in front of it were removed since the walk began. */
  skipped(): boolean;
  /** Messages so far, and how many of them nobody can read. */
  counts(): Readonly<{ messages: number; undecodable: number }>;
}>;

/** Messages held at once. */
const pageSize = 500;

/** From the first message that is kept up to the end that the partition had. */
export function topicCursor(
  upkeep: Pick<TopicUpkeep, 'read'>,
  codec: Pick<MessageCodec, 'decode'>,
  topic: string,
  { partition, low, high }: PartitionSpan,
): TopicCursor {
  let next = low;
  let page: readonly InMessage[] = [];
  let index = 0;
  let current: Published | null = null;
  let skipped = false;
  const counts = { messages: 0, undecodable: 0 };

  async function message(): Promise<InMessage | null> {
    if (index === page.length) {
      if (next >= high) return null;
      page = await upkeep.read(topic, partition, next, pageSize);
      index = 0;
      skipped ||= (page[0]?.offset ?? high) > next;
      next = (page.at(-1)?.offset ?? high) + 1;
    }
    const found = page[index];
    index += 1;
    return found === undefined || found.offset >= high ? null : found;
  }

  return {
    peek: async () => {
      while (current === null) {
        const found = await message();
        if (found === null) return null;
        counts.messages += 1;
        current = await published(codec, found);
        if (current === null) counts.undecodable += 1;
      }
      return current;
    },
    step: () => {
      current = null;
    },
    skipped: () => skipped,
    counts: () => counts,
  };
}

/** Null for what nobody can read, or what is no event. @throws `unavailable` */
async function published(codec: Pick<MessageCodec, 'decode'>, message: InMessage): Promise<Published | null> {
  try {
    const { id, position } = (await codec.decode(message)) as RecordedEvent;
    return isPosition(position) ? { id, position } : null;
  } catch (error) {
    if (!isDaybookError(error) || error.retry !== 'never') throw error;
    return null;
  }
}
