/**
 * The framing of messages: a zero byte, the schema's id as four bytes (big endian), then Avro.
 * https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
 */
import { DaybookError } from '@daybook/kernel/errors.ts';

export const framingBytes = 5;

const magic = 0;

/** Writes the frame into the first bytes of a buffer, which are left for it. Answers with the buffer. */
export function frame(id: number, message: Buffer): Buffer {
  message[0] = magic;
  message.writeInt32BE(id, 1);
  return message;
}

/**
 * The schema's id of a framed message.
 * @throws `schema-incompatible` when it is not framed
 */
export function framedId(value: Uint8Array): number {
  if (value.length < framingBytes || value[0] !== magic)
    throw new DaybookError('schema-incompatible', 'The message is not framed with a schema id.');
  return new DataView(value.buffer, value.byteOffset, framingBytes).getInt32(1);
}

/** What follows the frame; shares the memory of the message. */
export function framedBody(value: Uint8Array): Uint8Array {
  return value.subarray(framingBytes);
}
