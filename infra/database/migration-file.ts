import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Where the numbered SQL files stand. */
const folder = join(import.meta.dirname, 'migrations');

/** A migration, and what the comments at the head of its file say of how it runs. */
export type Migration = Readonly<{
  /** `0120-log-epochs.sql`. */
  name: string;
  text: string;
  /**
   * `-- transaction: none`: the file is one statement that PostgreSQL refuses within a transaction, such as `create index
   * concurrently if not exists`. It has to be one that may run again, since it may die before it is recorded.
   */
  inTransaction: boolean;
  /** `-- lock timeout: 500ms`: longest wait for one lock, before it is given up and tried again. Default 2 s. */
  lockTimeoutMs: number;
  /** `-- oldest code: 0120`: the newest migration that code has to know to run on the database from here on. */
  oldestCode: string | null;
}>;

/**
 * Longest wait for a lock. Whoever asks for a lock that others hold makes all who come after wait too: the code that is
 * running stands still for as long.
 */
const defaultLockTimeoutMs = 2_000;

/** Names of all migrations of this code, in order. */
export function migrationNames(): readonly string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .sort();
}

/** Reads a migration by its name. @throws TypeError for a heading that says nothing sensible */
export function readMigration(name: string): Migration {
  return parseMigration(name, readFileSync(join(folder, name), 'utf8'));
}

/** Takes the headings out of a migration's text. @throws TypeError for a heading that says nothing sensible */
export function parseMigration(name: string, text: string): Migration {
  const heading = (key: string): string | undefined =>
    new RegExp(`^-- ${key}: *(.+?) *$`, 'm').exec(text)?.[1];
  const refuse = (key: string): never => {
    throw new TypeError(`The heading "${key}" of ${name} says nothing sensible.`);
  };
  const transaction = heading('transaction');
  if (transaction !== undefined && transaction !== 'none') refuse('transaction');
  const timeout = heading('lock timeout');
  const timeoutMs = /^(\d+)ms$/.exec(timeout ?? '')?.[1];
  if (timeout !== undefined && timeoutMs === undefined) refuse('lock timeout');
  const oldestCode = heading('oldest code') ?? null;
  if (oldestCode !== null && !/^\d{4}$/.test(oldestCode)) refuse('oldest code');
  return {
    name,
    text,
    inTransaction: transaction === undefined,
    lockTimeoutMs: timeoutMs === undefined ? defaultLockTimeoutMs : Number(timeoutMs),
    oldestCode,
  };
}
