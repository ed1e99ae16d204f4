import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '@daybook/test/support/eventually.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { onFailpoint } from '../failpoints/failpoint.ts';
import { openDatabase, type Database } from './database.ts';
import { appliedMigrations, migrate } from './migrate.ts';
import { migrationNames, parseMigration, readMigration, type Migration } from './migration-file.ts';

let database: Database;
let drop: () => Promise<void>;
beforeEach(async () => {
  ({ database, drop } = await freshDatabase());
});
afterEach(() => drop());

const known = (): readonly Migration[] => migrationNames().map(readMigration);

/** What stands, and more behind it. */
const beside = (...more: readonly (readonly [name: string, text: string])[]): readonly Migration[] => [
  ...known(),
  ...more.map(([name, text]) => parseMigration(name, text)),
];

async function columnsOf(table: string): Promise<readonly string[]> {
  const { rows } = await database.pool.query<{ name: string }>(
    `select attname as name from pg_attribute where attrelid = to_regclass($1) and attnum > 0 and not attisdropped`,
    [table],
  );
  return rows.map(({ name }) => name);
}

const addNote = ['9000-note.sql', 'alter table runtime.holds add column note text'] as const;
const addMark = ['9001-mark.sql', 'alter table runtime.holds add column mark text'] as const;

describe('a migration that dies', () => {
  test('a death at migration.writing leaves the migration undone', async () => {
    const disarm = onFailpoint('migration.writing', {
      nth: 2,
      does: () => {
        throw new Error('killed');
      },
    });
    await expect(migrate(database, { migrations: beside(addNote, addMark) })).rejects.toThrow();
    disarm();
    expect(await columnsOf('runtime.holds')).toContain('note');
    expect(await columnsOf('runtime.holds')).not.toContain('mark');
    expect(await migrate(database, { migrations: beside(addNote, addMark) })).toEqual(['9001-mark.sql']);
    expect(await columnsOf('runtime.holds')).toContain('mark');
  });

  test('a death at migration.written goes on with the next one', async () => {
    const disarm = onFailpoint('migration.written', {
      nth: 1,
      does: () => {
        throw new Error('killed');
      },
    });
    await expect(migrate(database, { migrations: beside(addNote, addMark) })).rejects.toThrow();
    disarm();
    expect((await appliedMigrations(database.pool)).at(-1)).toBe('9000-note.sql');
    expect(await migrate(database, { migrations: beside(addNote, addMark) })).toEqual(['9001-mark.sql']);
    expect(await migrate(database, { migrations: beside(addNote, addMark) })).toEqual([]);
  });

  test('an index that died half-way is made again', async () => {
    const index = [
      '9000-index.sql',
      `-- transaction: none\ncreate unique index concurrently if not exists holds_reason on runtime.holds (reason)`,
    ] as const;
    const hold = (tenant: string): Promise<unknown> =>
      database.pool.query(
        `insert into runtime.holds (consumer, version, tenant_id, partition, position, reason)
         values ('a', 1, $1, 0, '0', 'same')`,
        [tenant],
      );
    await hold('one');
    await hold('two');
    await expect(migrate(database, { migrations: beside(index) })).rejects.toMatchObject({
      code: 'unavailable',
      retry: 'never',
    });
    const valid = async (): Promise<boolean | undefined> => {
      const { rows } = await database.pool.query<{ indisvalid: boolean }>(
        `select indisvalid from pg_index where indexrelid = to_regclass('runtime.holds_reason')`,
      );
      return rows[0]?.indisvalid;
    };
    expect(await valid()).toBe(false);
    await database.pool.query(`delete from runtime.holds where tenant_id = 'two'`);
    expect(await migrate(database, { migrations: beside(index) })).toEqual(['9000-index.sql']);
    expect(await valid()).toBe(true);
  });
});

describe('a migration beside code that runs', () => {
  test('gives a lock up that it cannot have, so that nobody stands still, and gets it later', async () => {
    const reader = await database.pool.connect();
    await reader.query('begin');
    await reader.query('select from log.events limit 1');
    const slow = [
      '9000-hot.sql',
      `-- lock timeout: 100ms\nalter table log.events add column note text`,
    ] as const;
    let applied: readonly string[] | undefined;
    const migrating = migrate(database, { migrations: beside(slow) }).then((names) => (applied = names));
    const other = openDatabase({ url: database.url, poolSize: 1, log: silentLog });
    const waits: number[] = [];
    // The server’s clock tells of locks alone, and not of how long the machine stood still around them.
    const byTheServer = `select exists (select from log.events),
      extract(epoch from clock_timestamp() - statement_timestamp())::float8 * 1000 as ms`;
    // Readers of the table queue behind a migration that waits for it: for as long as it waits, and no longer.
    await eventually(
      async () => {
        const { rows } = await other.pool.query<{ ms: number }>(byTheServer);
        waits.push(rows[0]?.ms ?? Infinity);
        if (waits.length < 200) throw new Error('Not yet.');
      },
      { withinMs: 30_000, everyMs: 1 },
    );
    expect(applied).toBeUndefined();
    expect(Math.max(...waits)).toBeLessThan(2_000);
    await reader.query('commit');
    reader.release();
    await migrating;
    expect(applied).toEqual(['9000-hot.sql']);
    await other.close();
  }, 60_000);

  test('says in plain words who stands in its way, and leaves nothing behind', async () => {
    const holder = openDatabase({
      url: database.url,
      poolSize: 1,
      applicationName: 'a report',
      log: silentLog,
    });
    const client = await holder.pool.connect();
    await client.query('begin');
    await client.query('lock table runtime.holds in access share mode');
    const hot = [
      '9000-hot.sql',
      `-- lock timeout: 50ms\nalter table runtime.holds add column note text`,
    ] as const;
    await expect(migrate(database, { migrations: beside(hot), tries: 2 })).rejects.toMatchObject({
      code: 'unavailable',
      retry: 'later',
      message: expect.stringMatching(
        /9000-hot.sql cannot get the locks it needs.*a report \(process \d+\) for \d+ s/,
      ),
    });
    await client.query('rollback');
    client.release();
    await holder.close();
    expect(await columnsOf('runtime.holds')).not.toContain('note');
  });

  test('an index is built while writers write, and while another process waits for its turn', async () => {
    const index = [
      '9000-index.sql',
      `-- transaction: none\n-- lock timeout: 20000ms\ncreate index concurrently if not exists events_type on log.events (type)`,
    ] as const;
    const other = openDatabase({ url: database.url, log: silentLog });
    const applied = await Promise.all([
      migrate(database, { migrations: beside(index) }),
      migrate(other, { migrations: beside(index) }),
    ]);
    expect(applied.flat()).toEqual(['9000-index.sql']);
    await other.close();
  }, 60_000);
});

describe('a database that newer code has migrated', () => {
  const later = ['9000-later.sql', 'alter table runtime.holds add column note text'] as const;
  const breaking = [
    '9000-later.sql',
    '-- oldest code: 9000\nalter table runtime.holds drop column reason',
  ] as const;

  test('is used by older code, which adds nothing', async () => {
    await migrate(database, { migrations: beside(later) });
    expect(await migrate(database)).toEqual([]);
  });

  test('is refused where a migration says that older code cannot live with it', async () => {
    await migrate(database, { migrations: beside(breaking) });
    await expect(migrate(database)).rejects.toMatchObject({
      code: 'configuration-invalid',
      message: expect.stringContaining('9000-later.sql'),
    });
    expect(await migrate(database, { migrations: beside(breaking) })).toEqual([]);
  });
});

test('one connection is enough', async () => {
  const narrow = openDatabase({ url: database.url, poolSize: 1, log: silentLog });
  try {
    expect(await migrate(narrow, { migrations: beside(addNote) })).toEqual(['9000-note.sql']);
  } finally {
    await narrow.close();
  }
});

test('a migration takes as long as it needs where its connections have no limit, and not where they have', async () => {
  const slow = [
    '9000-slow.sql',
    'alter table runtime.holds add column note text; select pg_sleep(3)',
  ] as const;
  const opening = (statementTimeoutMs: number): Database =>
    openDatabase({ url: String(database.pool.options.connectionString), statementTimeoutMs, log: silentLog });
  // The driver gives a statement up two seconds later.
  const limited = opening(300);
  const unlimited = opening(0);
  try {
    await expect(migrate(limited, { migrations: beside(slow), tries: 1 })).rejects.toThrow();
    expect(await columnsOf('runtime.holds')).not.toContain('note');
    expect(await migrate(unlimited, { migrations: beside(slow) })).toEqual(['9000-slow.sql']);
  } finally {
    await limited.close();
    await unlimited.close();
  }
});
