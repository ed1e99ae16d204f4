import { createHash, type Hash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { Transform, Writable, type Readable } from 'node:stream';
import { text as textOf } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createZstdCompress, createZstdDecompress } from 'node:zlib';
import type pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { sqlName, type KeptTable } from './tables.ts';

/** What a table held, told from the text of its rows in the order of its key. */
export type TableContent = Readonly<{
  rows: number;
  /** SHA-256 of the text, before it is compressed. */
  content: string;
}>;

/** A file, told from its bytes. */
export type FileFacts = Readonly<{ bytes: number; sha256: string }>;

type Client = pg.ClientBase;

/**
 * Writes the rows of a table to a new file, compressed (zstd) and flushed. The text is that of `copy … to stdout`, in the
 * order of the primary key, so that the same rows are always the same text.
 */
export async function copyOut(
  client: Client,
  table: KeptTable,
  path: string,
): Promise<TableContent & FileFacts> {
  const text = meter();
  const file = meter();
  await pipeline(
    client.query(copyTo(`copy (${selectRows(table)}) to stdout`)),
    text.stream,
    createZstdCompress(),
    file.stream,
    createWriteStream(path, { flags: 'wx', mode: 0o600, flush: true }),
  );
  return { rows: text.lines(), content: text.digest(), bytes: file.bytes(), sha256: file.digest() };
}

/** Reads the rows of a table, as `copyOut` does, and keeps nothing. */
export async function contentOf(client: Client, table: KeptTable): Promise<TableContent> {
  const text = meter();
  await pipeline(client.query(copyTo(`copy (${selectRows(table)}) to stdout`)), text.stream, nowhere());
  return { rows: text.lines(), content: text.digest() };
}

/** Loads a file that `copyOut` wrote into an empty table. */
export async function copyIn(client: Client, table: KeptTable, path: string): Promise<void> {
  const columns = table.columns.map(sqlName).join(', ');
  await pipeline(
    createReadStream(path),
    createZstdDecompress(),
    client.query(copyFrom(`copy ${sqlName(table.name)} (${columns}) from stdin`)),
  );
}

/** Measures a file that `copyOut` wrote, and the text in it. Rejects what cannot be decompressed. */
export async function tableFileFacts(bytes: Readable): Promise<TableContent & FileFacts> {
  const file = meter();
  const text = meter();
  await pipeline(bytes, file.stream, createZstdDecompress(), text.stream, nowhere());
  return { rows: text.lines(), content: text.digest(), bytes: file.bytes(), sha256: file.digest() };
}

/** The rows of a file that `copyOut` wrote of a small table, as texts whose escapes are left as they are. */
export async function rowsIn(bytes: Readable): Promise<readonly (readonly string[])[]> {
  const whole = await textOf(bytes.pipe(createZstdDecompress()));
  return whole.split('\n').flatMap((row) => (row === '' ? [] : [row.split('\t')]));
}

/** Length and hash of a file. */
export async function fileFacts(path: string): Promise<FileFacts> {
  const file = meter();
  await pipeline(createReadStream(path), file.stream, nowhere());
  return { bytes: file.bytes(), sha256: file.digest() };
}

function selectRows({ name, columns, key }: KeptTable): string {
  const order = key.length === 0 ? columns.map((column) => `${sqlName(column)}::text collate "C"`) : key;
  return `select ${columns.map(sqlName).join(', ')} from ${sqlName(name)} order by ${order.join(', ')}`;
}

function nowhere(): Writable {
  return new Writable({
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
}

type Meter = Readonly<{
  stream: Transform;
  bytes: () => number;
  /** Newlines: within a row the text has none, they are written as `\n`. */
  lines: () => number;
  digest: () => string;
}>;

/** Lets bytes through and measures them. */
function meter(): Meter {
  const hash: Hash = createHash('sha256');
  let bytes = 0;
  let lines = 0;
  const stream = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      hash.update(chunk);
      bytes += chunk.length;
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines += 1;
      done(null, chunk);
    },
  });
  return { stream, bytes: () => bytes, lines: () => lines, digest: () => hash.digest('hex') };
}
