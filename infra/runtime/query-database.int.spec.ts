import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { beginning, type Position } from '@daybook/kernel/event.ts';
import { defineProjection } from '@daybook/kernel/projection.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { memoryWakeups } from '../database/wakeups.ts';
import { ensureCheckpoints, projectionConsumer, readCheckpoint } from './checkpoints.ts';
import { findTogether } from './find-together.ts';
import { followPositions, type Positions } from './positions.ts';
import { openQueryDatabase, type QueryDatabase } from './query-database.ts';
import { readModelRows } from './read-model-rows.ts';
import { readModelBuild } from './rebuild/builds.ts';
import { ensureReadModel, showReadModel } from './read-models.ts';

type NoteRow = { noteId: string; writtenAt: string; wordCount: number; low24h: number | null };

const notes = defineProjection<never, NoteRow, 'noteId'>({
  name: 'testNotes',
  version: 1,
  table: {
    columns: {
      noteId: { type: 'text' },
      writtenAt: { type: 'instant' },
      wordCount: { type: 'integer' },
      low24h: { type: 'double', nullable: true },
    },
    key: ['noteId'],
  },
  handles: [],
  keys: () => [],
  evolve: (row) => row,
});

const consumer = projectionConsumer(notes);
const writtenAt = '2026-01-01T00:00:00.000Z';

let opened: Awaited<ReturnType<typeof freshDatabase>>;
let queries: QueryDatabase;
beforeEach(async () => {
  opened = await freshDatabase();
  queries = openQueryDatabase({ url: opened.url, log: silentLog, poolSize: 1 });
  await ensureReadModel(opened.database, notes);
  await ensureCheckpoints(opened.database.pool, consumer, 2, beginning);
  await showReadModel(opened.database, notes);
});
afterEach(async () => {
  await queries.close();
  await opened.drop();
});

const at = (n: number) => String(n).padStart(20, '0') as Position;

/** Writes notes as a projector would, up to a position of partition 0. */
async function write(position: Position, ...rows: [tenantId: string, noteId: string, wordCount: number][]) {
  const { moves } = await readCheckpoint(opened.database.pool, consumer, 0);
  const upserts = rows.map(([tenantId, noteId, wordCount]) => ({
    id: noteId,
    tenantId,
    row: { noteId, wordCount, writtenAt, low24h: null },
  }));
  const { pool } = opened.database;
  await readModelRows(readModelBuild(notes)).write(pool, [
    {
      move: { partition: 0, position, moves },
      holds: new Map(),
      changes: { upserts, deletes: [] },
    },
  ]);
}

describe('a tenant’s view', () => {
  test('never meets another tenant’s, however many ask at once on few connections', async () => {
    const tenants = Array.from({ length: 12 }, (_, n) => `tenant${String(n)}`);
    await write(
      at(1),
      ...tenants.map((tenant, n): [string, string, number] => [tenant, `note of ${tenant}`, n]),
    );
    const shared = openQueryDatabase({ url: opened.url, log: silentLog, poolSize: 3 });
    const asked = Array.from({ length: 600 }, (_, n) => tenants[(n * 7) % tenants.length] ?? '');
    const answers = await Promise.all(
      asked.map((tenant) =>
        shared
          .forTenant(tenant)
          .sql<{ noteId: string }>('select note_id from read.test_notes where $1 > 0', [1]),
      ),
    );
    expect(answers.map((rows) => rows.map(({ noteId }) => noteId))).toEqual(
      asked.map((tenant) => [`note of ${tenant}`]),
    );
    await shared.close();
  });

  test('is kept by the statement that finds rows too, where no setting of the connection does it', async () => {
    await write(at(1), ['ours', 'n1', 1], ['theirs', 'n2', 2]);
    // The owner of the tables sees all rows.
    const find = findTogether(async (_tenantId, text, values) => {
      const { rows } = await opened.database.pool.query<Record<string, unknown>>(text, [...values]);
      return rows.map((row) => ({ ...row, noteId: row['note_id'] }));
    });
    expect(await find('ours', 'testNotes', 'noteId', 'n1')).toMatchObject({ noteId: 'n1' });
    expect(await find('ours', 'testNotes', 'noteId', 'n2')).toBeUndefined();
  });

  test('finds rows by a key, those asked for at once together, and none of another tenant', async () => {
    await write(at(1), ['ours', 'n1', 5], ['ours', 'n2', 7], ['theirs', 'n3', 9]);
    const find = (tenant: string, noteId: string) =>
      queries.forTenant(tenant).find<NoteRow>('testNotes', 'noteId', noteId);
    const asked = [
      find('ours', 'n1'),
      find('ours', 'n3'),
      find('theirs', 'n3'),
      find('ours', 'n1'),
      find('ours', 'n2'),
    ];
    expect((await Promise.all(asked)).map((row) => row?.wordCount)).toEqual([5, undefined, 9, 5, 7]);
    expect(await find('ours', 'n1')).toEqual({ noteId: 'n1', writtenAt, wordCount: 5, low24h: null });
  });

  test('answers others while one of its statements is slow', async () => {
    const limits = { poolSize: 6, statementTimeoutMs: 60_000 };
    const shared = openQueryDatabase({ url: opened.url, log: silentLog, ...limits });
    const db = shared.forTenant('ours');
    await db.sql('select 1');
    const { pool } = opened.database;
    const holder = await pool.connect();
    await holder.query('begin');
    await holder.query('select pg_advisory_xact_lock(7)');
    let slowDone = false;
    const slow = db.sql('select pg_advisory_xact_lock(7)').then(() => (slowDone = true));
    await eventually(async () => {
      const waiting = await pool.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      expect(waiting.rows).toHaveLength(1);
    });
    let answered = 0;
    await eventually(() => {
      void db.sql('select 1').then(() => (answered += 1));
      expect(answered).toBeGreaterThan(20);
    });
    expect(slowDone).toBe(false);
    await holder.query('commit');
    holder.release();
    await slow;
    await shared.close();
  });

  test('goes on after its connections died', async () => {
    const shared = openQueryDatabase({ url: opened.url, log: silentLog, poolSize: 3 });
    const db = shared.forTenant('ours');
    const cut = Promise.allSettled(Array.from({ length: 10 }, () => db.sql('select pg_sleep(30)')));
    await eventually(async () => {
      const { rowCount } = await opened.database.pool.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where application_name = 'daybook queries' and datname = current_database() and query like '%pg_sleep%'`,
      );
      expect(rowCount).toBeGreaterThan(0);
    });
    await eventually(async () => {
      await opened.database.pool.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where application_name = 'daybook queries' and datname = current_database() and query like '%pg_sleep%'`,
      );
      const settled = await Promise.race([cut, Promise.resolve(null)]);
      expect(settled?.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 'rejected'));
    });
    for (const outcome of await cut) {
      expect((outcome as PromiseRejectedResult).reason).toMatchObject({
        code: 'unavailable',
        retry: 'later',
      });
    }
    // A connection of which it is not known yet that it died may fail one more statement.
    await eventually(async () => expect(await db.sql('select 1 as one')).toEqual([{ one: 1 }]));
    await shared.close();
  });

  test('goes on over a switch to a version with other columns', async () => {
    await write(at(1), ['ours', 'n1', 5]);
    const db = queries.forTenant('ours');
    const ask = () => db.from<NoteRow>('testNotes').where({ noteId: 'n1' });
    expect(await ask()).toHaveLength(1);
    const columns = { ...notes.table.columns, colour: { type: 'text', nullable: true } } as const;
    const next = { ...notes, version: 2, table: { ...notes.table, columns } };
    await ensureReadModel(opened.database, next);
    await showReadModel(opened.database, next);
    expect(await ask()).toEqual([]);
  });

  test('answers by declared names', async () => {
    await write(at(1), ['ours', 'n1', 5], ['ours', 'n2', 7]);
    const db = queries.forTenant('ours');
    expect(await db.from<NoteRow>('testNotes').where({ noteId: 'n1' })).toEqual([
      { noteId: 'n1', writtenAt, wordCount: 5, low24h: null },
    ]);
    expect(await db.from<NoteRow>('testNotes').where('wordCount', '>', 5).first()).toMatchObject({
      noteId: 'n2',
    });
    expect(await db.from<NoteRow>('testNotes').where({ noteId: 'none' }).first()).toBeUndefined();
    expect(await db.from<NoteRow>('testNotes').orderBy('wordCount', 'desc').pluck('noteId')).toEqual([
      'n2',
      'n1',
    ]);
    expect(await db.from('testNotes').count({ noteCount: '*' }).max({ mostWords: 'wordCount' })).toEqual([
      { noteCount: 2, mostWords: 7 },
    ]);
    expect(
      await db.sql('select note_id, word_count from read.test_notes where word_count = $1', [7]),
    ).toEqual([{ noteId: 'n2', wordCount: 7 }]);
  });

  test('views can be joined', async () => {
    await write(at(1), ['ours', 'n1', 5], ['ours', 'n2', 5], ['theirs', 'n3', 5]);
    const db = queries.forTenant('ours');
    const pairs = await db
      .from('testNotes')
      .join('testNotes as others', 'others.wordCount', 'testNotes.wordCount')
      .select('testNotes.noteId', 'others.noteId as otherNoteId')
      .orderBy(['testNotes.noteId', 'otherNoteId']);
    expect(pairs).toEqual([
      { noteId: 'n1', otherNoteId: 'n1' },
      { noteId: 'n1', otherNoteId: 'n2' },
      { noteId: 'n2', otherNoteId: 'n1' },
      { noteId: 'n2', otherNoteId: 'n2' },
    ]);
  });

  test('shows the tenant’s rows and no others, also without a filter and on one connection in turn', async () => {
    await write(at(1), ['ours', 'n1', 1], ['theirs', 'n2', 2]);
    const seen = async (tenant: string) => {
      const db = queries.forTenant(tenant);
      const rows = await db.sql<{ noteId: string }>('select * from read.test_notes_v1');
      const counted = await db.sql<{ count: number }>('select count(*) from read.test_notes');
      return [rows.map(({ noteId }) => noteId), counted[0]?.count];
    };
    expect(await seen('ours')).toEqual([['n1'], 1]);
    expect(await seen('theirs')).toEqual([['n2'], 1]);
    expect(await seen('')).toEqual([[], 0]);
    expect(await seen('ours')).toEqual([['n1'], 1]);
  });

  test('a connection without a tenant sees nothing, and the role can write nowhere', async () => {
    await write(at(1), ['ours', 'n1', 1]);
    const { pool } = opened.database;
    const client = await pool.connect();
    try {
      await client.query('set role daybook_query');
      expect((await client.query('select * from read.test_notes')).rows).toEqual([]);
      await expect(client.query('delete from read.test_notes_v1')).rejects.toThrow('permission denied');
      await expect(client.query('select * from runtime.checkpoints')).rejects.toThrow('permission denied');
    } finally {
      client.release(true);
    }
  });

  test('a statement that takes too long is ended, and the connection goes on', async () => {
    const quick = openQueryDatabase({ url: opened.url, log: silentLog, poolSize: 1, statementTimeoutMs: 50 });
    const db = quick.forTenant('ours');
    await expect(db.sql('select pg_sleep(5)')).rejects.toMatchObject({ code: 'timeout' });
    expect(await db.sql('select 1 as one')).toEqual([{ one: 1 }]);
    await quick.close();
  });
});

describe('positions', () => {
  let positions: Positions | undefined;
  const wakeups = memoryWakeups();
  afterEach(() => positions?.close());

  function follow(pollMs = 20, idlePollMs = 20): Positions {
    positions = followPositions({
      database: opened.database,
      wakeups,
      projections: ['testNotes'],
      partitionOf: (tenantId) => (tenantId === 'ours' ? 0 : 1),
      log: silentLog,
      pollMs,
      idlePollMs,
    });
    return positions;
  }

  test('are those of the tenant’s own partition', async () => {
    await write(at(7));
    const own = follow();
    expect(await own.waitFor(at(7), ['testNotes'], 'ours', 5_000)).toBe(at(7));
    expect(await own.least(['testNotes'], 'theirs')).toBe(beginning);
    expect(await own.least([], 'theirs')).toBe(beginning);
  });

  test('a wait ends by a signal, long before a poll', async () => {
    const own = follow(60_000, 60_000);
    const waiting = own.waitFor(at(3), ['testNotes'], 'ours', 30_000);
    await write(at(3));
    wakeups.notify('checkpoint:testNotes');
    expect(await waiting).toBe(at(3));
  });

  test('a wait ends by a poll where the signal is lost', async () => {
    const own = follow(10, 60_000);
    const waiting = own.waitFor(at(3), ['testNotes'], 'ours', 30_000);
    await write(at(4));
    expect(await waiting).toBe(at(4));
  });

  test('a wait that is too long says how far it came', async () => {
    await write(at(2));
    const own = follow();
    await own.waitFor(at(2), ['testNotes'], 'ours', 5_000);
    await expect(own.waitFor(at(3), ['testNotes'], 'ours', 100)).rejects.toMatchObject({
      code: 'position-timeout',
      retry: 'later',
      fields: { position: at(3), reached: at(2) },
    });
  });

  test('a held tenant is only as far as its last event that is in', async () => {
    await write(at(9));
    await opened.database.pool.query(
      `insert into runtime.holds values ('testNotes', 1, 'ours', 0, $1, 'poison')`,
      [at(4)],
    );
    const own = follow();
    expect(await own.waitFor(at(4), ['testNotes'], 'ours', 5_000)).toBe(at(4));
    await expect(own.waitFor(at(5), ['testNotes'], 'ours', 50)).rejects.toMatchObject({
      code: 'position-timeout',
    });
  });
});
