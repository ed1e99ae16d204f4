/**
 * The list of the stored objects in a backup: one a line, hash of the file, bytes and path, in the order of the paths. It
 * is written and read a part at a time, however long it is.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { writeDurably } from './durable-files.ts';
import type { Manifest } from './manifest.ts';
import type { FileFacts } from './table-copy.ts';

/** A stored object's file, by its path below the folder of objects (`ab/ab….zst`). */
export type ListedObject = FileFacts & Readonly<{ path: string }>;

const listName = 'objects.list';
const lineShape = /^([0-9a-f]{64}) (\d+) (([0-9a-f]{2})\/\4[0-9a-f]{62}\.zst)$/;

/** Characters that are gathered before they are written. */
const partLength = 65_536;

/** Writes the list of a backup as the objects come, which have to be in the order of their paths. */
export async function writeObjectList(
  backup: string,
  objects: AsyncIterable<ListedObject>,
): Promise<Omit<Manifest['objects'], 'missing'>> {
  const sum = createHash('sha256');
  let [count, bytes, length] = [0, 0, 0];
  const summed = (part: string): string => {
    sum.update(part);
    length += part.length;
    return part;
  };
  async function* parts(): AsyncGenerator<string, void, undefined> {
    let part = '';
    for await (const object of objects) {
      count += 1;
      bytes += object.bytes;
      part += `${object.sha256} ${String(object.bytes)} ${object.path}\n`;
      if (part.length < partLength) continue;
      yield summed(part);
      part = '';
    }
    yield summed(part);
  }
  await writeDurably(join(backup, listName), parts());
  return { count, bytes, list: { path: listName, bytes: length, sha256: sum.digest('hex') } };
}

/** Reads the list of a backup. @throws `backup-invalid` */
export function readObjectList(backup: string): AsyncGenerator<ListedObject, void, undefined> {
  return listedIn(createReadStream(join(backup, listName), 'utf8') as AsyncIterable<string>);
}

/** The objects of a list whose text comes in parts. @throws `backup-invalid` */
export async function* listedIn(parts: AsyncIterable<string>): AsyncGenerator<ListedObject, void, undefined> {
  let last = '';
  for await (const line of linesIn(parts)) {
    const [, sha256 = '', bytes = '', path = ''] = lineShape.exec(line) ?? [];
    // Each path once: objects are copied side by side.
    if (path <= last) throw new DaybookError('backup-invalid', `The ${listName} of the backup is damaged.`);
    last = path;
    yield { sha256, bytes: Number(bytes), path };
  }
}

/** The lines of a text that comes in parts. */
export async function* linesIn(parts: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  let rest = '';
  for await (const part of parts) {
    const lines = `${rest}${part}`.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}
