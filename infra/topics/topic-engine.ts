import type {
  DeadLetter,
  GroupLag,
  LetterWindow,
  OutMessage,
  SetAsideMessage,
  TopicSettings,
} from '@daybook/kernel/ports/topics.ts';
import { DaybookError, isDaybookError } from '@daybook/kernel/errors.ts';
import type { GroupLedger } from './group-ledger.ts';

/** Who takes part in a group. */
export type Member = Readonly<{
  /** A uuid, new at every start. */
  id: string;
  /** Stable over restarts of one process: its next incarnation takes over without waiting for the lease. */
  instance: string | null;
  leaseMs: number;
}>;

/** What keeps messages and the state of groups: the seam below `makeTopics`. */
export type TopicEngine = Readonly<{
  ensure(topic: string, settings: TopicSettings): Promise<void>;
  /** @throws `unavailable` for a topic that does not exist */
  partitions(topic: string): Promise<number>;
  publish(topic: string, messages: readonly OutMessage[]): Promise<void>;
  ledger(topic: string, group: string, member: Member): Promise<GroupLedger>;
  deadLetters(topic: string, group?: string, window?: LetterWindow): Promise<readonly DeadLetter[]>;
  /** The topic whose consumers have something to fetch; null where there is no such letter. */
  release(id: number): Promise<string | null>;
  /** As `release`; null also where the letter is not parked. */
  skip(id: number): Promise<string | null>;
  setAside(topic: string, group: string, messages: readonly SetAsideMessage[]): Promise<void>;
  forget(topic: string, group: string): Promise<void>;
  lag(topic: string, group: string): Promise<readonly GroupLag[]>;
  close(): Promise<void>;
}>;

/** The error of a topic that was not made yet. */
export function topicUnknown(topic: string): DaybookError {
  return new DaybookError('unavailable', noTopic, { retry: 'later', fields: { topic } });
}

/** Whether that is what is wrong, and not that the engine is away. */
export function isTopicUnknown(error: unknown): error is DaybookError {
  return isDaybookError(error, 'unavailable') && error.message === noTopic;
}

const noTopic = 'The topic does not exist.';

/** The error of a topic that exists with another number of partitions. */
export function partitionMismatch(topic: string, expected: number, actual: number): DaybookError {
  return new DaybookError('partition-mismatch', 'The topic exists with another number of partitions.', {
    fields: { topic, expected, actual },
  });
}

/**
 * The error of a topic that was deleted, cut off, or made anew under those who know it. Nobody goes on by themselves: what
 * it lost would be passed over.
 */
export function topicLost(topic: string, cause?: unknown): DaybookError {
  const message = `The topic ${topic} lost messages, or it is another one than before. Nothing is published to it nor taken from it until "daybook republish" has mended it; "daybook verify topics" says what is missing.`;
  return new DaybookError('topic-lost', message, { retry: 'later', fields: { topic }, cause });
}
