import { randomUUID } from 'node:crypto';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { InMessage } from '@daybook/kernel/ports/topics.ts';
import type { Batch, Consumer, ConsumerEndBatchProcessEvent, Kafka } from 'kafkajs';
import { reasonOf, rest, untilDone } from '../runtime/loop.ts';
import type { Ends } from './kafka-admin.ts';
import { isGroupLoading, isTopicGone, translateKafkaError } from './kafka-client.ts';
import { messageOf } from './kafka-message.ts';
import { topicLost } from './topic-engine.ts';

/** Reads one topic ahead of those who ask, within bounds. */
export type KafkaReader = Readonly<{
  /** What is there of a partition from an offset on, at most `limit`; where it has nothing it begins to read there. */
  take(partition: number, from: number, limit: number): readonly InMessage[];
  /** Whether `take` would find something. */
  has(partition: number, from: number): boolean;
  /** Where the next message from an offset on may stand: records between that are no messages are passed over. */
  passed(partition: number, from: number): number;
  /** Reads on in these partitions alone. */
  keep(partitions: ReadonlySet<number>): void;
  /** Drops what was read of a partition: its next place may be one of another topic of the same name. */
  forget(partition: number): void;
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
  /** Looks again whether it can be read on. */
  standing?: NodeJS.Timeout;
};

export type ReaderOptions = Readonly<{
  kafka: Kafka;
  topic: string;
  group: string;
  /** Called when something was read. */
  arrived: () => void;
  /** Where the topic begins and ends at the broker. */
  ends: () => Promise<readonly Ends[]>;
  /** Offset that a partition is known to have reached: where it ends before that, nothing more is taken. */
  reached: (partition: number) => number;
  log: Log;
}>;

/** Of one partition, read ahead; beyond that its reading pauses until half of it is taken. */
const aheadBytes = 1024 * 1024;
const aheadMessages = 1_000;

/** A batch behind which nothing more is handed out at once, in bytes of values. */
const takeBytes = 4 * 1024 * 1024;

/** So often a place is sought before what stands behind it is believed. */
const mostSeeks = 3;

/** A partition that cannot be read on is looked at again, and complained of, so often, in milliseconds. */
const complainEveryMs = 10_000;

const closeTimeoutMs = 5_000;

/** A coordinator that is loading, as each does at first, is asked again without a word so often and after so many milliseconds. */
const mostLoads = 30;
const loadMs = 100;

/** A request for more waits so long at the broker, in milliseconds: so long a partition that is taken up may wait. */
const waitMs = 200;

/**
 * A reader on a consumer of its own: kafkajs reads in groups alone, so this one is its group's only member, and nobody
 * else ever makes it rebalance. Who holds which partition, and where the group stands, is not Kafka's to say here.
 * A partition that begins behind the place of its group, or ends before it, is not read on until somebody has mended it.
 */
export function kafkaReader({
  kafka,
  topic,
  group,
  arrived,
  ends,
  reached,
  log,
}: ReaderOptions): KafkaReader {
  const parts = new Map<number, Part>();
  let consumer: Consumer | null = null;
  const closing = new AbortController();
  let opening = begin();

  function begin(): Promise<void> {
    return untilDone('kafka reader', open, { log, signal: closing.signal });
  }

  async function open(): Promise<void> {
    for (let loads = 1; !closing.signal.aborted; loads += 1) {
      try {
        await join();
        return;
      } catch (error) {
        if (isTopicGone(error)) throw topicLost(topic, error);
        if (loads === mostLoads || !isGroupLoading(error)) throw translateKafkaError(error);
        await rest(loadMs, closing.signal);
      }
    }
  }

  async function join(): Promise<void> {
    const own = kafka.consumer({
      groupId: `${group}.reader.${randomUUID()}`,
      maxWaitTimeInMs: waitMs,
      allowAutoTopicCreation: false,
      retry: { retries: 5, maxRetryTime: 1_000, restartOnFailure: () => Promise.resolve(false) },
    });
    let crash: unknown = null;
    own.on(own.events.CRASH, ({ payload: { error } }) => {
      crash = error;
      if (consumer !== own) return;
      log.warn('Reading from Kafka stopped and begins anew.', reasonOf(error));
      consumer = null;
      // In a new group: the former one waits for its member of before until that one's session ends.
      opening = begin();
    });
    own.on(own.events.END_BATCH_PROCESS, ({ payload }) => {
      passOver(payload);
    });
    try {
      await own.connect();
      await own.subscribe({ topic, fromBeginning: true });
      await own.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        eachBatch: (payload) =>
          receive(payload.batch, (offset) => {
            payload.resolveOffset(offset);
          }),
      });
      if (crash !== null) throw crash as Error;
    } catch (error) {
      await own.disconnect().catch(() => undefined);
      throw error;
    }
    consumer = own;
    for (const [partition, part] of parts) seek(partition, part);
  }

  /** Takes a batch in where it was read from the very place that is expected: one of before a seek is dropped. */
  async function receive(batch: Batch, resolveOffset: (offset: string) => void): Promise<void> {
    const { partition } = batch;
    const part = parts.get(partition);
    if (part === undefined || part.paused) {
      tell((own) => {
        own.pause([{ topic, partitions: [partition] }]);
      });
      return;
    }
    const from = Number((batch as Batch & { fetchedOffset: string }).fetchedOffset);
    // Asking takes its time, in which the partition may be taken up elsewhere.
    const isThere = (): boolean => parts.get(partition) === part && !closing.signal.aborted;
    if ((await isCutOff(batch, part, isThere)) || !isThere()) return;
    if (from !== part.expected && !(await isGap(partition, part, from, isThere))) return;
    if (isThere()) takeIn(part, batch, resolveOffset);
  }

  /**
   * Whether the partition ends before what it is known to have reached. An answer that waited for its turn, and a broker
   * that has only just become the leader, tell of less than there is: what counts is where the partition ends now.
   */
  async function isCutOff(batch: Batch, part: Part, isThere: () => boolean): Promise<boolean> {
    const least = Math.max(part.expected, reached(batch.partition));
    if (Number(batch.highWatermark) >= least) return false;
    const end = (await ends()).find(({ partition }) => partition === batch.partition)?.high ?? 0;
    if (end >= least) return false;
    if (isThere()) stand(batch.partition, part, { end });
    return true;
  }

  function takeIn(part: Part, batch: Batch, resolveOffset: (offset: string) => void): void {
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

  /** Records that are no messages, such as the marks at the ends of transactions, are not handed out. */
  function passOver(batch: ConsumerEndBatchProcessEvent['payload']): void {
    const part = parts.get(batch.partition);
    if (part === undefined || batch.batchSize > 0 || Number(batch.firstOffset) !== part.expected) return;
    part.expected = Number(batch.lastOffset) + 1;
    arrived();
  }

  /**
   * After seeks the client stands behind the place where nothing is there any more. Between messages that are kept these
   * are records that are no messages, or were compacted away. Where the partition begins behind the place, messages were
   * removed that the group has not taken in.
   */
  async function isGap(
    partition: number,
    part: Part,
    from: number,
    isThere: () => boolean,
  ): Promise<boolean> {
    if (from > part.expected) part.seeks += 1;
    if (part.seeks <= mostSeeks || from < part.expected) {
      seek(partition, part);
      return false;
    }
    const begin = (await ends()).find((one) => one.partition === partition)?.low ?? 0;
    if (!isThere()) return false;
    if (begin > part.expected) {
      stand(partition, part, { begin });
      return false;
    }
    log.warn('Records between are not there any more.', { partition, from: part.expected, to: from });
    part.expected = from;
    return true;
  }

  /** Reads no further for now: going on would pass over what is lost. */
  function stand(partition: number, part: Part, where: Readonly<{ begin: number } | { end: number }>): void {
    log.error('A consumer stands still before messages that are lost.', {
      partition,
      place: part.expected,
      ...where,
      ...reasonOf(topicLost(topic)),
    });
    pause(partition, part);
    clearTimeout(part.standing);
    part.standing = setTimeout(() => {
      if (parts.get(partition) === part) seek(partition, part);
    }, complainEveryMs).unref();
  }

  /** One that is stopping by itself takes no orders any more: its successor is told all places. */
  function tell(order: (own: Consumer) => void): void {
    try {
      if (consumer !== null) order(consumer);
    } catch (error) {
      log.debug('A consumer of Kafka is stopping.', reasonOf(error));
    }
  }

  function seek(partition: number, part: Part): void {
    tell((own) => {
      own.seek({ topic, partition, offset: String(part.expected) });
    });
    resume(partition, part);
  }

  function pause(partition: number, part: Part): void {
    part.paused = true;
    tell((own) => {
      own.pause([{ topic, partitions: [partition] }]);
    });
  }

  function resume(partition: number, part: Part): void {
    clearTimeout(part.standing);
    delete part.standing;
    part.paused = false;
    tell((own) => {
      own.resume([{ topic, partitions: [partition] }]);
    });
  }

  function drop(partition: number, part: Part): void {
    clearTimeout(part.standing);
    pause(partition, part);
    parts.delete(partition);
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
      if (
        part.paused &&
        part.standing === undefined &&
        left <= aheadBytes / 2 &&
        part.buffer.length <= aheadMessages / 2
      )
        resume(partition, part);
      return taken;
    },
    has: (partition, from) => partAt(partition, from).buffer.length > 0,
    passed: (partition, from) => {
      const part = parts.get(partition);
      if (part === undefined || from < part.start || from > part.expected) return from;
      return part.buffer.find(({ offset }) => offset >= from)?.offset ?? part.expected;
    },
    keep: (partitions) => {
      for (const [partition, part] of parts) {
        if (partitions.has(partition)) continue;
        drop(partition, part);
      }
    },
    forget: (partition) => {
      const part = parts.get(partition);
      if (part !== undefined) drop(partition, part);
    },
    close: async () => {
      closing.abort();
      for (const part of parts.values()) clearTimeout(part.standing);
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
