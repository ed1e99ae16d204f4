import { eventually } from '@daybook/test/support/eventually.ts';
import {
  done,
  type Batch,
  type InMessage,
  type OutMessage,
  type Topics,
  type Verdict,
} from '@daybook/kernel/ports/topics.ts';
import type { HoldTransaction } from './event-store.subject.ts';

/** One process at the broker. */
export type TopicsProcess = Readonly<{
  topics: Topics;
  /** Stops it where it stands: it calls nothing and hears nothing until it is resumed. */
  stall(): void;
  resume(): void;
}>;

export type TopicsSubject = Readonly<{
  topics: Topics;
  /** Another process at the same broker. */
  another(): Promise<TopicsProcess>;
  /** How long a clause waits for what must come. */
  patienceMs: number;
  holdTransaction: HoldTransaction;
}>;

export const topic = 'daybook.things.v1';
export const group = 'readers';

/** `text` as a message of a key. */
export function message(key: string, text: string): OutMessage {
  return { key, value: Buffer.from(text), headers: { ce_id: text } };
}

export const text = ({ value }: OutMessage): string => Buffer.from(value).toString();

export type Consumer = Readonly<{
  /** Every message of every batch in the order of delivery. */
  seen: readonly InMessage[];
  batches: readonly Batch[];
  texts(): string[];
  /** Leaves the group and waits until that is done. */
  stop(): Promise<void>;
}>;

/** A member of a group whose handler sees each batch and then says `verdict`. */
export function consume(
  topics: Topics,
  verdict: (batch: Batch) => Verdict | Promise<Verdict> = () => done,
  options: { group?: string; maxBatch?: number } = {},
): Consumer {
  const seen: InMessage[] = [];
  const batches: Batch[] = [];
  const stopping = new AbortController();
  const running = topics.run(
    topic,
    options.group ?? group,
    async (batch) => {
      seen.push(...batch.messages);
      batches.push(batch);
      return verdict(batch);
    },
    { signal: stopping.signal, ...(options.maxBatch === undefined ? {} : { maxBatch: options.maxBatch }) },
  );
  return {
    seen,
    batches,
    texts: () => seen.map(text),
    stop: () => {
      stopping.abort();
      return running;
    },
  };
}

/** Waits until an assertion holds, no longer than the subject's patience. */
export function soon<T>(subject: TopicsSubject, assertion: () => T | Promise<T>): Promise<T> {
  return eventually(assertion, { withinMs: subject.patienceMs, everyMs: 5 });
}

/** A promise and what settles it. */
export function promised<T = void>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, resolve };
}

/** `count` keys, of which the n-th stands in partition n of that many. */
export async function keysByPartition(topics: Topics, count: number): Promise<string[]> {
  const keys = new Map<number, string>();
  for (let candidate = 0; keys.size < count; candidate += 1) {
    const key = `key-${String(candidate)}`;
    const partition = await topics.partitionFor(topic, key);
    if (!keys.has(partition)) keys.set(partition, key);
  }
  return Array.from({ length: count }, (_, partition) => keys.get(partition) ?? '');
}

/** Sum over partitions of what a group has not handled. */
export async function behind(topics: Topics, name: string = group): Promise<number> {
  const partitions = await topics.lag(topic, name);
  return partitions.reduce((sum, { next, end }) => sum + end - next, 0);
}
