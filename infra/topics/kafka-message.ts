import type { InMessage } from '@daybook/kernel/ports/topics.ts';
import type { IHeaders, KafkaMessage } from 'kafkajs';

/**
 * A record as the port has it. Whatever a producer made its key of is text here that PostgreSQL can hold, where the message
 * goes if it is set aside: what is no UTF-8, and a NUL character, is U+FFFD.
 */
export function messageOf(
  { key, value, headers, offset, timestamp }: KafkaMessage,
  partition: number,
): InMessage {
  return {
    key: key?.toString().replaceAll('\0', '\uFFFD') ?? '',
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
