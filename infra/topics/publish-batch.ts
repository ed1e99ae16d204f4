import { DaybookError } from '@daybook/kernel/errors.ts';
import type { OutMessage } from '@daybook/kernel/ports/topics.ts';
import { partitionOfBytes } from './partitioner.ts';

/** The JSON of headers escapes it, so it separates them. */
const separator = '\x1e';

/**
 * Messages as the server's `topics.publish` takes them, from its `p_touched` on. Keys and values travel as one block of
 * bytes and lists as one text each: the driver's own array form costs the client twice the time, for the sake of quoting.
 * @throws `schema-incompatible` for a key that PostgreSQL cannot hold
 */
export function publishParameters(messages: readonly OutMessage[], partitions: number): (string | Buffer)[] {
  const counts = new Map<number, number>();
  const placed: number[] = [];
  const places: number[] = [];
  const starts: number[] = [];
  const keyBytes: number[] = [];
  const valueBytes: number[] = [];
  const headers: string[] = [];
  const content: Uint8Array[] = [];
  let start = 0;
  for (const { key, value, headers: own } of messages) {
    const bytes = Buffer.from(key);
    if (bytes.includes(0)) {
      throw new DaybookError('schema-incompatible', 'The key of a message holds a NUL character.');
    }
    const partition = partitionOfBytes(bytes, partitions);
    const place = counts.get(partition) ?? 0;
    counts.set(partition, place + 1);
    placed.push(partition);
    places.push(place);
    starts.push(start);
    keyBytes.push(bytes.length);
    valueBytes.push(value.length);
    headers.push(JSON.stringify(own));
    content.push(bytes, value);
    start += bytes.length + value.length;
  }
  return [
    ...[[...counts.keys()], [...counts.values()], placed, places, starts, keyBytes, valueBytes].map(list),
    headers.join(separator),
    Buffer.concat(content, start),
  ];
}

/** The SQL of those parameters, the first being `$first`. */
export function publishPlaceholders(first: number): string {
  const lists = Array.from({ length: 7 }, (_, n) => `$${String(first + n)}::integer[]`);
  return [
    ...lists,
    `string_to_array($${String(first + 7)}, E'\\x1e')::json[]`,
    `$${String(first + 8)}::bytea`,
  ].join(', ');
}

/** A list of numbers as an array literal. */
export const list = (numbers: readonly number[]): string => `{${numbers.join(',')}}`;
