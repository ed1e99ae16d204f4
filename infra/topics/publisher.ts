import { isDaybookError } from '@daybook/kernel/errors.ts';
import type { OutMessage } from '@daybook/kernel/ports/topics.ts';

/** Most messages and bytes that calls are gathered to; a larger single call goes alone. */
export type PublishLimits = Readonly<{ maxMessages: number; maxBytes: number }>;

type Call = Readonly<{
  messages: readonly OutMessage[];
  bytes: number;
  resolve: () => void;
  reject: (error: unknown) => void;
}>;

/**
 * Group commit for one topic: calls made while a transaction is under way travel together in the next one, in the order
 * in which they were made. One transaction is under way at a time, which is what keeps that order.
 * @param write publishes messages in one transaction. What it refuses for good is tried call by call, so that only the
 *   call at fault fails.
 */
export function makePublisher(
  write: (messages: readonly OutMessage[]) => Promise<void>,
  limits: PublishLimits,
): Readonly<{ publish(messages: readonly OutMessage[]): Promise<void>; settled(): Promise<void> }> {
  let queue: Call[] = [];
  let flushing: Promise<void> | undefined;

  async function flush(): Promise<void> {
    // Callers woken by the last transaction make their next calls in this same turn of the event loop.
    await new Promise((turn) => setImmediate(turn));
    while (queue.length > 0) {
      const calls = take();
      await send(calls);
      await new Promise((turn) => setImmediate(turn));
    }
    flushing = undefined;
  }

  function take(): readonly Call[] {
    let count = 0;
    let [messages, bytes] = [0, 0];
    for (const call of queue) {
      messages += call.messages.length;
      bytes += call.bytes;
      if (count > 0 && (messages > limits.maxMessages || bytes > limits.maxBytes)) break;
      count += 1;
    }
    const calls = queue.slice(0, count);
    queue = queue.slice(count);
    return calls;
  }

  async function send(calls: readonly Call[]): Promise<void> {
    try {
      await write(calls.flatMap(({ messages }) => messages));
      for (const { resolve } of calls) resolve();
    } catch (error) {
      const refused = isDaybookError(error) && error.retry === 'never';
      if (!refused || calls.length === 1) for (const { reject } of calls) reject(error);
      else for (const { messages, resolve, reject } of calls) await write(messages).then(resolve, reject);
    }
  }

  return {
    publish: (messages) =>
      new Promise((resolve, reject) => {
        const bytes = messages.reduce((sum, { value }) => sum + value.length, 0);
        queue.push({ messages, bytes, resolve, reject });
        flushing ??= flush();
      }),
    settled: async () => {
      await flushing;
    },
  };
}
