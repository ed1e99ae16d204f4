import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';

const pack = promisify(zstdCompress);
const unpack = promisify(zstdDecompress);

/** SHA-256 in hex: the name of an object. */
export function objectHash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** One zstd frame with the content's size and checksum in it. Level 3 is zstd's own default. */
export function compressed(bytes: Uint8Array): Promise<Buffer> {
  return pack(bytes, {
    params: { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_checksumFlag]: 1 },
  });
}

/** The bytes of a frame. Rejects what is torn or altered. */
export function uncompressed(frame: Uint8Array): Promise<Buffer> {
  return unpack(frame);
}
