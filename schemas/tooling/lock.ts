/** `schemas/lock.json`: the fingerprints of all released schemas. A released schema never changes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RecordSchema } from '../avro-schema.ts';
import { fingerprint } from '../fingerprint.ts';
import type { Source } from './sources.ts';

/** Fingerprint by full name, then version. */
export type Lock = Readonly<Record<string, Readonly<Record<string, string>>>>;

export const lockFile = 'schemas/lock.json';

/** The lock as it is checked in. */
export function readLock(root: string): Lock {
  return JSON.parse(readFileSync(join(root, lockFile), 'utf8')) as Lock;
}

/** The lock with all schemas released. What was released before keeps its fingerprint. */
export function extendLock(lock: Lock, whole: readonly Source<RecordSchema>[]): Lock {
  const extended: Record<string, Record<string, string>> = {};
  for (const [name, versions] of Object.entries(lock)) extended[name] = { ...versions };
  for (const record of whole) {
    const versions = (extended[lockName(record)] ??= {});
    versions[String(record.version)] ??= fingerprint(record.schema);
  }
  return extended;
}

/** The text of the lock file: sorted, so that merges touch only what changed. */
export function lockText(lock: Lock): string {
  const sorted = Object.fromEntries(Object.entries(lock).sort(([a], [b]) => (a < b ? -1 : 1)));
  return `${JSON.stringify(sorted, null, 2)}\n`;
}

/** Where schemas and lock disagree, each as a sentence that says what to do. */
export function lockProblems(lock: Lock, whole: readonly Source<RecordSchema>[]): readonly string[] {
  const present = new Map(whole.map((record) => [`${lockName(record)} ${String(record.version)}`, record]));
  const released = Object.entries(lock).flatMap(([name, versions]) =>
    Object.entries(versions).map(([version, print]) => ({ name, version, print })),
  );
  const changed = released.flatMap(({ name, version, print }) => {
    const record = present.get(`${name} ${version}`);
    if (record === undefined)
      return [`${name} version ${version} was released and is gone: restore its .avsc file.`];
    return fingerprint(record.schema) === print
      ? []
      : [
          `schemas/${record.file} was released and has changed: undo that, and write ${record.name}.v${String(record.version + 1)}.avsc instead.`,
        ];
  });
  const unreleased = whole
    .filter((record) => lock[lockName(record)]?.[String(record.version)] === undefined)
    .map(
      (record) =>
        `schemas/${record.file} is not released: run "node schemas/tooling/release.ts" once it is as it shall stay.`,
    );
  return [...changed, ...unreleased];
}

function lockName(record: Source<RecordSchema>): string {
  return `daybook.${record.folder}.${record.name}`;
}
