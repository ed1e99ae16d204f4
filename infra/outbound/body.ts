import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { DaybookError } from '@daybook/kernel/errors.ts';

/** More codings in a row than any honest server uses; each costs a whole decompression. */
const maxCodings = 3;

type Decoder = (bytes: Uint8Array, options: { maxOutputLength: number }) => Promise<Buffer>;

const gunzip: Decoder = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.gunzip);
const inflate: Decoder = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.inflate);
const inflateRaw: Decoder = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.inflateRaw);
const unbrotli: Decoder = promisify<Uint8Array, zlib.BrotliOptions, Buffer>(zlib.brotliDecompress);
const unzstd: Decoder = promisify<Uint8Array, zlib.ZstdOptions, Buffer>(zlib.zstdDecompress);

/** What is asked for, best first. */
export const acceptedEncodings = 'gzip, br, zstd, deflate';

const decoders: Readonly<Record<string, Decoder>> = {
  gzip: gunzip,
  'x-gzip': gunzip,
  br: unbrotli,
  zstd: unzstd,
  // RFC 9110 8.4.1.2: `deflate` is zlib data; some servers send it raw, told apart by zlib's first byte (RFC 1950).
  deflate: (bytes, options) =>
    ((bytes[0] ?? 0) & 0x0f) === 8 ? inflate(bytes, options) : inflateRaw(bytes, options),
};

/**
 * Reads a body and undoes its content codings. Neither the bytes on the wire nor those after any decoding exceed
 * `maxBytes`, so a bomb costs at most that much memory.
 * @throws `response-too-large` · `outside-failed` for an unknown or broken coding
 */
export async function readBody(
  body: Readable,
  options: { contentEncoding: string; contentLength: number | null; maxBytes: number },
): Promise<Uint8Array> {
  const { maxBytes } = options;
  if (options.contentLength !== null && options.contentLength > maxBytes) {
    body.destroy();
    throw tooLarge(maxBytes);
  }
  let bytes: Uint8Array = await collect(body, maxBytes);
  if (bytes.length === 0) return bytes;
  for (const coding of codings(options.contentEncoding).reverse()) {
    bytes = await decode(coding, bytes, maxBytes);
  }
  return bytes;
}

async function collect(body: Readable, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length;
    // Leaving the loop destroys the stream and with it the connection.
    if (length > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  }
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, length);
}

function codings(header: string): string[] {
  const names = header
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity');
  if (names.length > maxCodings) {
    throw new DaybookError('outside-failed', 'An outside answer is encoded too many times over.', {
      fields: { codings: names.length },
    });
  }
  return names;
}

async function decode(coding: string, bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  const decoder = decoders[coding];
  if (decoder === undefined) {
    throw new DaybookError('outside-failed', 'An outside answer has an unknown content coding.', {
      fields: { coding: coding.slice(0, 20) },
    });
  }
  try {
    return await decoder(bytes, { maxOutputLength: maxBytes });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(maxBytes);
    throw new DaybookError('outside-failed', 'The body of an outside answer is broken.', {
      retry: 'later',
      fields: { coding },
      cause,
    });
  }
}

function tooLarge(maxBytes: number): DaybookError {
  return new DaybookError('response-too-large', 'An outside answer exceeds its size limit.', {
    fields: { maxBytes },
  });
}
