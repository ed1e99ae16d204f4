import type { Vault } from '@daybook/kernel/ports/outside.ts';
import { translateDatabaseError, type Database } from '../database/database.ts';
import type { Answer } from './answers.ts';
import { coalesced } from '../database/coalesced.ts';
import { removeRows } from '../database/portions.ts';

/** What became of a claim on an idempotency key. */
export type Claim =
  | Readonly<{ state: 'claimed' }>
  | Readonly<{ state: 'answered'; fingerprint: string; answer: Answer }>
  /** Somebody else is at it; the fingerprint is unknown where the claim was made at this very moment. */
  | Readonly<{ state: 'underWay'; fingerprint?: string }>;

/** Remembers requests by idempotency key. */
export type IdempotencyStore = Readonly<{
  /** Exactly one of several claims at once wins, in whichever process. @throws `unavailable` */
  claim(id: string, fingerprint: string): Promise<Claim>;
  /** Keeps the answer of a claimed request; `secret` ones sealed. @throws `unavailable` */
  keep(id: string, answer: Answer, secret: boolean): Promise<void>;
  /** Gives a claim up, so that a repeat is handled at once. @throws `unavailable` */
  release(id: string): Promise<void>;
  /** Forgets what is older than the time a key holds. Answers with how many. @throws `unavailable` */
  sweep(signal?: AbortSignal): Promise<number>;
}>;

export type IdempotencyStoreOptions = Readonly<{
  database: Pick<Database, 'pool'>;
  vault: Vault;
  /** How long a key holds. Default 24 hours. */
  keepMs?: number;
  /**
   * After it a claim without an answer is taken over: its process died. Two at work on one request do no harm, since
   * the command id is the same. Default 4 000: less than a repeat waits, so that it finds an answer and not a conflict.
   */
  leaseMs?: number;
}>;

type ClaimRow = Readonly<{
  id: string;
  claimed: boolean;
  fingerprint: string | null;
  status: number | null;
  headers: Record<string, string> | null;
  body: string | null;
  sealed: boolean | null;
}>;

/** Secret answers belong to nobody's data key but the installation's: they are gone within a day. */
const owner = { kind: 'system', id: 'idempotency' } as const;

// A row that another transaction inserted after this statement began is neither claimed here nor seen: `underWay`.
const claimSql = `
  with incoming as (
    select * from unnest($1::text[], $2::text[]) as t (id, fingerprint)
  ), claimed as (
    insert into runtime.idempotent_requests as r (id, fingerprint)
    select id, fingerprint from incoming order by id
    on conflict (id) do update
    set fingerprint = excluded.fingerprint, claimed_at = now(), status = null, headers = null, body = null, sealed = false
    where r.claimed_at < now() - make_interval(secs => $3)
       or (r.status is null and r.fingerprint = excluded.fingerprint and r.claimed_at < now() - make_interval(secs => $4))
    returning r.id
  )
  select i.id, c.id is not null as claimed, r.fingerprint, r.status, r.headers, r.body, r.sealed
  from incoming i left join claimed c using (id)
  left join runtime.idempotent_requests r on r.id = i.id and c.id is null`;

const keepSql = `
  update runtime.idempotent_requests r
  set status = a.status, headers = a.headers::jsonb, body = a.body, sealed = a.sealed
  from unnest($1::text[], $2::smallint[], $3::text[], $4::text[], $5::boolean[]) as a (id, status, headers, body, sealed)
  where r.id = a.id`;

/**
 * The store in `runtime.idempotent_requests`. Claims made at once go to the server in one statement, and so do answers:
 * at 64 callers two statements a request become about two for thirty.
 */
export function postgresIdempotency(options: IdempotencyStoreOptions): IdempotencyStore {
  const { database, vault, keepMs = 86_400_000, leaseMs = 4_000 } = options;

  async function query<Row extends object>(name: string, text: string, values: unknown[]): Promise<Row[]> {
    try {
      return (await database.pool.query<Row>({ name, text, values })).rows;
    } catch (error) {
      throw translateDatabaseError(error);
    }
  }

  const claimAll = coalesced<Readonly<{ id: string; fingerprint: string }>, ClaimRow | undefined>(
    async (items) => {
      // One statement cannot touch a row twice: a second claim of one id in a batch finds the first under way.
      const first = new Map(items.map((item) => [item.id, item] as const).reverse());
      const rows = await query<ClaimRow>('claim idempotency keys', claimSql, [
        [...first.keys()],
        [...first.values()].map(({ fingerprint }) => fingerprint),
        keepMs / 1_000,
        leaseMs / 1_000,
      ]);
      const byId = new Map(rows.map((row) => [row.id, row]));
      return items.map((item) => {
        const row = byId.get(item.id);
        const winner = first.get(item.id) === item;
        return row?.claimed === true && !winner ? { ...row, claimed: false } : row;
      });
    },
  );

  const keepAll = coalesced<readonly [string, number, string, string, boolean], undefined>(async (items) => {
    await query(
      'keep idempotent answers',
      keepSql,
      [0, 1, 2, 3, 4].map((column) => items.map((item) => item[column])),
    );
    return items.map(() => undefined);
  });

  return {
    claim: async (id, fingerprint) => {
      const row = await claimAll({ id, fingerprint });
      if (row?.claimed === true) return { state: 'claimed' };
      if (row?.fingerprint == null) return { state: 'underWay' };
      if (row.status === null) return { state: 'underWay', fingerprint: row.fingerprint };
      const body = row.sealed === true ? await vault.open(row.body ?? '') : (row.body ?? '');
      return {
        state: 'answered',
        fingerprint: row.fingerprint,
        answer: { status: row.status, headers: row.headers ?? {}, body },
      };
    },
    keep: async (id, answer, secret) => {
      const body = secret ? await vault.seal(owner, answer.body) : answer.body;
      await keepAll([id, answer.status, JSON.stringify(answer.headers), body, secret]);
    },
    release: async (id) => {
      await query(
        'release an idempotency key',
        'delete from runtime.idempotent_requests where id = $1 and status is null',
        [id],
      );
    },
    sweep: (signal) => {
      const where = 'claimed_at < now() - make_interval(secs => $1)';
      const rows = { table: 'runtime.idempotent_requests', where, values: [keepMs / 1_000] };
      return removeRows(database.pool, rows, signal);
    },
  };
}
