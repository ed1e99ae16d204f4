import { setImmediate as nextTurn } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { streamCategory, type Position, type StreamName } from '@daybook/kernel/event.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { Database } from '../database/database.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import { countSnapshot } from '../telemetry/metrics.ts';
import type { FoldOf, KeptState } from './state-cache.ts';

/** Kept states of long streams. Never trusted over the log: who uses one lets the log confirm it. */
export type Snapshots = Readonly<{
  /** A stream gets a snapshot when it is this many events past its last. */
  everyEvents: number;
  /** The snapshot of a stream by the present fold; none where it cannot be had or read. */
  find(of: FoldOf): Promise<KeptState | undefined>;
  /** Asks for a snapshot, off the path of the command. Of one stream the last that is asked for is written. */
  write(of: FoldOf, kept: KeptState): void;
  /** Asks for the removal of a snapshot. */
  drop(of: FoldOf): void;
  /** Waits for what was asked for. Idempotent. */
  close(): Promise<void>;
}>;

export type SnapshotsOptions = Readonly<{
  database: Pick<Database, 'pool'>;
  /** See `foldFingerprints`. Streams of a category without one get no snapshots. */
  fingerprintOf: (category: string) => string | undefined;
  everyEvents: number;
  log: Log;
}>;

/** Streams that may wait for their snapshot: more are passed over, and asked for again `everyEvents` later. */
const maxWaiting = 1_000;

/** Longest state, in UTF-16 code units of its JSON. A fold that keeps more is better kept apart in streams. */
const maxStateLength = 8 * 1024 * 1024;

/**
 * Snapshots in PostgreSQL. To write one is (in brackets the test that dies there):
 * 1. take the state that was asked for last
 *    [snapshots.int.spec.ts "a failure before or after the write changes no answer: snapshot.writing"],
 * 2. write it in the place of the stream's earlier one
 *    [snapshots.int.spec.ts "a failure before or after the write changes no answer: snapshot.written"].
 *
 * A death anywhere leaves the earlier snapshot or the later one, and either is right. What fails is told and passed over.
 */
export function postgresSnapshots(options: SnapshotsOptions): Snapshots {
  const { database, fingerprintOf, everyEvents, log } = options;
  const waiting = new Map<StreamName, Asked>();
  let working: Promise<void> | undefined;

  async function find({ stream }: FoldOf): Promise<KeptState | undefined> {
    const category = streamCategory(stream);
    const fingerprint = fingerprintOf(category);
    if (fingerprint === undefined) return undefined;
    try {
      const values = [stream, fingerprint];
      const { rows } = await database.pool.query<SnapshotRow>({ ...findStatement, values });
      return rows[0] === undefined ? undefined : keptOf(rows[0]);
    } catch (error) {
      log.warn('A snapshot cannot be read; the stream is folded instead.', { category, ...told(error) });
      if (error instanceof SyntaxError) ask(stream, { replaces: true });
      return undefined;
    }
  }

  function ask(stream: StreamName, asked: Asked): void {
    const before = waiting.get(stream);
    if (before === undefined && waiting.size >= maxWaiting) {
      countSnapshot('skipped');
      return;
    }
    waiting.set(stream, { ...asked, replaces: asked.replaces || before?.replaces === true });
    working ??= work();
  }

  async function work(): Promise<void> {
    for (;;) {
      // Commands that wait for this turn of the event loop go first.
      await nextTurn();
      const [next] = waiting;
      if (next === undefined) break;
      const [stream, { replaces, kept }] = next;
      waiting.delete(stream);
      try {
        if (replaces) await database.pool.query({ ...dropStatement, values: [stream] });
        if (kept !== undefined) await write(stream, kept);
      } catch (error) {
        countSnapshot('failed');
        const category = streamCategory(stream);
        log.warn('A snapshot could not be written; the log has everything.', { category, ...told(error) });
      }
    }
    working = undefined;
  }

  async function write(stream: StreamName, kept: KeptState): Promise<void> {
    const category = streamCategory(stream);
    const fingerprint = fingerprintOf(category);
    if (fingerprint === undefined) return;
    const state = JSON.stringify(kept.state) as string | undefined;
    if (
      state === undefined ||
      state.length > maxStateLength ||
      !isDeepStrictEqual(JSON.parse(state), kept.state)
    ) {
      countSnapshot('skipped');
      log.warn('A state is too large, or no plain data, and gets no snapshot.', { category });
      return;
    }
    const { tenantId, revision, position, eventId } = kept;
    await failpoint('snapshot.writing');
    const values = [stream, fingerprint, tenantId, revision, position, eventId, state];
    await database.pool.query({ ...writeStatement, values });
    await failpoint('snapshot.written');
    countSnapshot('written');
  }

  return {
    everyEvents,
    find,
    write: ({ stream }, kept) => {
      ask(stream, { replaces: false, kept });
    },
    drop: ({ stream }) => {
      ask(stream, { replaces: true });
    },
    close: async () => {
      await working;
    },
  };
}

/** `replaces`: whatever snapshot there is goes, also a later one. */
type Asked = Readonly<{ replaces: boolean; kept?: KeptState }>;

type SnapshotRow = Readonly<{
  tenant_id: string;
  revision: number;
  position: string;
  event_id: string;
  state: string;
}>;

/** @throws SyntaxError for a state that is not JSON */
function keptOf(row: SnapshotRow): KeptState {
  return {
    tenantId: row.tenant_id,
    state: JSON.parse(row.state) as unknown,
    revision: row.revision,
    position: row.position as Position,
    eventId: row.event_id,
    behind: false,
    snapshotRevision: row.revision,
  };
}

/** The kind of failure alone: messages of parsers and of PostgreSQL quote what they stumbled over. */
function told(error: unknown): Readonly<{ failure: string; sqlState: unknown }> {
  const { name, code } = error as Error & { code?: unknown };
  return { failure: name, sqlState: code };
}

const findStatement = {
  name: 'snapshots.find',
  text: `select tenant_id, revision, position, event_id, state from runtime.snapshots
          where stream = $1 and fingerprint = $2`,
};

const dropStatement = {
  name: 'snapshots.drop',
  text: 'delete from runtime.snapshots where stream = $1',
};

/** A writer that comes late takes no later state away; a state of another fold gives way. */
const writeStatement = {
  name: 'snapshots.write',
  text: `insert into runtime.snapshots as s (stream, fingerprint, tenant_id, revision, position, event_id, state)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (stream) do update
            set fingerprint = excluded.fingerprint, tenant_id = excluded.tenant_id, revision = excluded.revision,
                position = excluded.position, event_id = excluded.event_id, state = excluded.state, written_at = now()
          where s.revision < excluded.revision or s.fingerprint <> excluded.fingerprint`,
};
