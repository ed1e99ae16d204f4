/** The pages that events of a backup name, in a file beside it while it is made: they may be too many to hold. */
import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { linesIn, readObjectList } from './object-list.ts';

/** By the text: an operator of json refuses a whole event for one \u0000 in it. */
const selectNamed = `
  select distinct substring(data::text from '"snapshotHash"\\s*:\\s*"([0-9a-f]{64})"') collate "C" as hash
  from log.events where data::text ~ '"snapshotHash"\\s*:\\s*"[0-9a-f]{64}"' order by hash`;

/** Writes the hashes of the pages that events name, each once and in order, one a line, to a new file. */
export async function writeNamedPages(client: pg.ClientBase, path: string): Promise<void> {
  await pipeline(
    client.query(copyTo(`copy (${selectNamed}) to stdout`)),
    createWriteStream(path, { flags: 'wx', mode: 0o600 }),
  );
}

/** How many of the pages in a file of `writeNamedPages` the list of a backup does not hold. Both are in order. */
export async function countMissing(namedPages: string, backup: string): Promise<number> {
  const held = readObjectList(backup);
  let missing = 0;
  try {
    let at = await held.next();
    for await (const hash of linesIn(createReadStream(namedPages, 'utf8') as AsyncIterable<string>)) {
      const path = `${hash.slice(0, 2)}/${hash}.zst`;
      while (at.done !== true && at.value.path < path) at = await held.next();
      if (at.done === true || at.value.path !== path) missing += 1;
    }
  } finally {
    await held.return();
  }
  return missing;
}
