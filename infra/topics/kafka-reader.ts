import { randomUUID } from 'node:crypto';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { InMessage } from '@daybook/kernel/ports/topics.ts';
import type { Batch, Consumer, IHeaders, Kafka, KafkaMessage } from 'kafkajs';
import { reasonOf, untilDone } from '../runtime/loop.ts';
import { translateKafkaError } from './kafka-client.ts';

/** Reads one topic ahead of those who ask, within bounds. */
export type KafkaReader = Readonly<{
  /** What is there of a partition from an offset on, at most `limit`; where it has nothing it begins to read there. */
  take(partition: number, from: number, limit: number): readonly InMessage[];
  /** Whether `take` would find something. */
  has(partition: number, from: number): boolean;
  /** Reads on in these partitions alone. */
  keep(partitions: ReadonlySet<number>): void;
  close(): Promise<void>;
}>;

type Part = {
  /** The buffer has all there is from here on, up to `expected`. */
  start: number;
  /** Offset of the record to be read next. */
  expected: number;
  buffer: InMessage[];
  bytes: number;
  paused: boolean;
  /** How often `expected` was sought, and the client went on elsewhere. */
  seeks: number;
};

/** Of one partition, read ahead; beyond that its reading pauses until half of it is taken. */
const aheadBytes = 1024 * 1024;
const aheadMessages = 1_000;

/** A batch behind which nothing more is handed out at once, in bytes of values. */
const takeBytes = 4 * 1024 * 1024;

/** So often a place is sought before what stands behind it is believed, and so many times apart that is complained of. */
const mostSeeks = 3;
const complainEvery = 100;

const closeTimeoutMs = 5_000;

/** A request for more waits so long at the broker, in milliseconds: so long a partition that is taken up may wait. */
const waitMs = 200;

/**
 * A reader on a consumer of its own: kafkajs reads in groups alone, so this one is its group's only member, and nobody
 * else ever makes it rebalance. Who holds which partition, and where the group stands, is not Kafka's to say here.
 * @param arrived called when something was read
 */
export function kafkaReader(
  kafka: Kafka,
  topic: string,
  group: string,
  arrived: () => void,
  log: Log,
): KafkaReader {
  const parts = new Map<number, Part>();
  let consumer: Consumer | null = null;
  const closing = new AbortController();
  let opening = begin();

  function begin(): Promise<void> {
    return untilDone('kafka reader', open, { log, signal: closing.signal });
  }

  async function open(): Promise<void> {
    const own = kafka.consumer({
      groupId: `${group}.reader.${randomUUID()}`,
      maxWaitTimeInMs: waitMs,
      allowAutoTopicCreation: false,
      retry: { retries: 5, maxRetryTime: 1_000, restartOnFailure: () => Promise.resolve(false) },
    });
    let crashed = false as boolean;
    own.on(own.events.CRASH, ({ payload: { error } }) => {
      crashed = true;
      if (consumer !== own) return;
      log.warn('Reading from Kafka stopped and begins anew.', reasonOf(error));
      consumer = null;
      // In a new group: the former one waits for its member of before until that one's session ends.
      opening = begin();
    });
    try {
      await own.connect();
      await own.subscribe({ topic, fromBeginning: true });
      await own.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        eachBatch: (payload) => {
          receive(payload.batch, (offset) => {
            payload.resolveOffset(offset);
          });
          return Promise.resolve();
        },
      });
      if (crashed) throw new DaybookError('unavailable', 'Reading from Kafka stopped.', { retry: 'later' });
    } catch (error) {
      await own.disconnect().catch(() => undefined);
      throw translateKafkaError(error);
    }
    consumer = own;
    for (const [partition, part] of parts) seek(partition, part);
  }

  /** Takes a batch in where it was read from the very place that is expected: one of before a seek is dropped. */
  function receive(batch: Batch, resolveOffset: (offset: string) => void): void {
    const part = parts.get(batch.partition);
    if (part === undefined || part.paused) {
      consumer?.pause([{ topic, partitions: [batch.partition] }]);
      return;
    }
    const from = Number((batch as Batch & { fetchedOffset: string }).fetchedOffset);
    if (from !== part.expected && !isGap(part, from, Number(batch.highWatermark))) {
      part.seeks += 1;
      seek(batch.partition, part);
      return;
    }
    const messages = batch.messages.filter(({ offset }) => Number(offset) >= part.expected);
    for (const message of messages) {
      part.buffer.push(messageOf(message, batch.partition));
      part.bytes += message.value?.length ?? 0;
    }
    part.expected = Number(batch.lastOffset()) + 1;
    part.seeks = 0;
    resolveOffset(batch.lastOffset());
    if (part.bytes > aheadBytes || part.buffer.length > aheadMessages) pause(batch.partition, part);
    if (messages.length > 0) arrived();
  }

  /**
   * After seeks the client stands behind the place where nothing is there any more: records that retention removed, or
   * that are none of messages. A topic that ends before the place lost its end, or is another one: nothing is taken then.
   */
  function isGap(part: Part, from: number, end: number): boolean {
    if (part.seeks < mostSeeks) return false;
    if (from > part.expected) {
      log.warn('Records between are not there any more.', { topic, from: part.expected, to: from });
      part.expected = from;
      return true;
    }
    if (end < part.expected && part.seeks % complainEvery === mostSeeks) {
      log.error('A topic ends before the place of a group: it lost messages or is another one.', {
        topic,
        end,
        place: part.expected,
      });
    }
    return false;
  }

  function seek(partition: number, part: Part): void {
    consumer?.seek({ topic, partition, offset: String(part.expected) });
    resume(partition, part);
  }

  function pause(partition: number, part: Part): void {
    part.paused = true;
    consumer?.pause([{ topic, partitions: [partition] }]);
  }

  function resume(partition: number, part: Part): void {
    part.paused = false;
    consumer?.resume([{ topic, partitions: [partition] }]);
  }

  /** The partition, standing at an offset: what lies before is dropped, and where it stands elsewhere it begins anew. */
  function partAt(partition: number, from: number): Part {
    const known = parts.get(partition);
    if (known !== undefined && known.start <= from && from <= known.expected) {
      dropBefore(known, from);
      return known;
    }
    const part: Part = { start: from, expected: from, buffer: [], bytes: 0, paused: false, seeks: 0 };
    parts.set(partition, part);
    seek(partition, part);
    return part;
  }

  return {
    take: (partition, from, limit) => {
      const part = partAt(partition, from);
      const taken: InMessage[] = [];
      let bytes = 0;
      for (const message of part.buffer) {
        if (taken.length === limit || bytes > takeBytes) break;
        taken.push(message);
        bytes += message.value.length;
      }
      const { bytes: left } = part;
      if (part.paused && left <= aheadBytes / 2 && part.buffer.length <= aheadMessages / 2)
        resume(partition, part);
      return taken;
    },
    has: (partition, from) => partAt(partition, from).buffer.length > 0,
    keep: (partitions) => {
      for (const [partition, part] of parts) {
        if (partitions.has(partition)) continue;
        pause(partition, part);
        parts.delete(partition);
      }
    },
    close: async () => {
      closing.abort();
      const closed = opening.then(() => consumer?.disconnect()).catch(() => undefined);
      // A broker that is away is not waited for: it learns of it by itself.
      let late: NodeJS.Timeout | undefined;
      const tooLate = new Promise<void>((done) => (late = setTimeout(done, closeTimeoutMs)));
      await Promise.race([closed, tooLate]);
      clearTimeout(late);
    },
  };
}

function dropBefore(part: Part, from: number): void {
  part.start = from;
  let count = 0;
  for (const { offset, value } of part.buffer) {
    if (offset >= from) break;
    part.bytes -= value.length;
    count += 1;
  }
  if (count > 0) part.buffer = part.buffer.slice(count);
}

function messageOf({ key, value, headers, offset, timestamp }: KafkaMessage, partition: number): InMessage {
  return {
    key: key?.toString() ?? '',
    value: value ?? Buffer.alloc(0),
    headers: textOf(headers ?? {}),
    partition,
    offset: Number(offset),
    publishedAt: new Date(Number(timestamp)).toISOString(),
    attempt: 1,
  };
}

function textOf(headers: IHeaders): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, values]) => {
      const [value] = Array.isArray(values) ? values : [values];
      return [name, value?.toString() ?? ''];
    }),
  );
}
