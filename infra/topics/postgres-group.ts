import type { InMessage } from '@daybook/kernel/ports/topics.ts';
import type { Database } from '../database/database.ts';
import { waitsBehind, type Claim, type Fetched, type GroupLedger, type Held } from './group-ledger.ts';
import type { NewsWanted } from './postgres-news.ts';
import { markOf, type Renewal } from './postgres-renewal.ts';
import { ask, type Statement } from './postgres-statement.ts';
import { list } from './publish-batch.ts';
import type { Member } from './topic-engine.ts';

/** A fetch stops behind the message that takes it over this many bytes of values, for each partition. */
const fetchBytes = 4 * 1024 * 1024;

/** Released letters and messages of the log by one statement; both by their indexes, in order. */
const fetchText = `
  select w.partition, m."offset", m.key, m.value, m.headers, m.published_at, null::bigint, 1
    from unnest($2::integer[], $3::bigint[]) w (partition, start)
   cross join lateral (
     select s.* from (
       select r.*, sum(octet_length(r.value)) over (order by r."offset" rows unbounded preceding) - octet_length(r.value) as before
         from (select m."offset", m.key, m.value, m.headers, m.published_at from topics.messages m
                where m.topic_id = $1 and m.partition = w.partition and m."offset" >= w.start
                order by m."offset" limit $4) r
     ) s where s.before < ${String(fetchBytes)}
   ) m
  union all
  select d.partition, d."offset", d.key, d.value, d.headers, d.published_at, d.letter_id, d.attempt + 1
    from unnest($5::integer[]) w (partition)
   cross join lateral (
     select s.* from (
       select r.*, sum(octet_length(r.value)) over (order by r."offset" rows unbounded preceding) - octet_length(r.value) as before
         from (select * from topics.dead_letters d
                where d.topic_id = $1 and d.group_name = $6 and d.partition = w.partition and d.released
                order by d."offset" limit $4) r
     ) s where s.before < ${String(fetchBytes)}
   ) d`;

type FetchRow = readonly [
  partition: number,
  offset: number,
  key: string,
  value: Buffer,
  headers: Record<string, string>,
  publishedAt: string,
  letter: number | null,
  attempt: number,
];

type SynchroniseRow = readonly [
  share: number,
  partition: number,
  epoch: number,
  next: number,
  attempts: number,
  triedTo: number,
  waitMs: number,
  mark: string,
];

/** What consumers of one process ask together. */
export type SharedQuestions = Readonly<{
  news: (wanted: NewsWanted) => Promise<boolean>;
  renew: (renewal: Renewal) => Promise<string | null>;
}>;

/** The ledger of one member of a group on PostgreSQL. Leases run by the database's clock. */
export function postgresLedger(
  database: Database,
  topic: Readonly<{ id: number; name: string }>,
  group: string,
  member: Member,
  shared: SharedQuestions,
): GroupLedger {
  const who = [topic.id, group, member.id] as const;
  const claimed = ({ partition, epoch }: Claim) => [...who, partition, epoch] as const;
  /** Of the group as the last synchronisation found it; who holds nothing has none. */
  let mark: string | undefined;
  const call = async <T>(statement: Statement): Promise<T | undefined> => {
    const rows = await ask<readonly [T]>(database, statement);
    return rows[0]?.[0];
  };
  return {
    sync: async (first) => {
      const rows = await ask<SynchroniseRow>(database, {
        name: 'topics.synchronise',
        text: `select s.*, (${markOf('$1', '$2')}) from topics.synchronise($1, $2, $3, $4, $5, $6) s`,
        values: [...who, member.instance, first, member.leaseMs],
      });
      mark = rows[0]?.[7];
      const held = rows.map(([, partition, epoch, next, attempts, triedTo, waitMs]): Held => ({
        partition,
        epoch,
        next,
        attempts,
        triedTo,
        waitMs,
      }));
      return { held, share: rows[0]?.[0] ?? 0 };
    },
    blockedKeys: async (partition) => {
      const rows = await ask<readonly [string]>(database, {
        name: 'topics.blocked',
        text: `select distinct key from topics.dead_letters where topic_id = $1 and group_name = $2 and partition = $3`,
        values: [topic.id, group, partition],
      });
      return rows.map(([key]) => key);
    },
    fetch: async (wants, limit) => {
      const letters = wants.filter((want) => want.letters);
      const rows = await ask<FetchRow>(database, {
        name: 'topics.fetch',
        text: fetchText,
        values: [
          topic.id,
          list(wants.map(({ partition }) => partition)),
          list(wants.map(({ from }) => from)),
          limit,
          list(letters.map(({ partition }) => partition)),
          group,
        ],
      });
      return byPartition(rows);
    },
    news: (wants) => shared.news({ topic: topic.id, group, wants }),
    renew: async () => {
      const renewal = { topic: topic.id, group, member: member.id, leaseMs: member.leaseMs };
      return (await shared.renew(renewal)) === mark;
    },
    commit: async (moves) =>
      new Set(
        await call<number[]>({
          name: 'topics.commit',
          text: 'select topics.commit($1, $2, $3, $4, $5, $6)',
          values: [
            ...who,
            list(moves.map(({ partition }) => partition)),
            list(moves.map(({ epoch }) => epoch)),
            list(moves.map(({ next }) => next)),
          ],
        }),
      ),
    settle: async ({ next, waiting, parked, ...claim }) =>
      (await call<boolean>({
        name: 'topics.settle',
        text: 'select topics.settle($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)',
        values: [
          ...claimed(claim),
          next,
          list(waiting),
          waitsBehind,
          parked?.offset ?? null,
          parked?.attempt ?? null,
          parked?.reason.replaceAll('\0', '') ?? null,
        ],
      })) ?? false,
    settleLetters: async ({ handled, keys, parked, ...claim }) =>
      (await call<string[] | null>({
        name: 'topics.settle_letters',
        text: 'select topics.settle_letters($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)',
        values: [
          ...claimed(claim),
          list(handled),
          [...new Set(keys)],
          parked?.id ?? null,
          parked?.attempt ?? null,
          parked?.reason.replaceAll('\0', '') ?? null,
        ],
      })) ?? null,
    defer: async ({ attempts, triedTo, letters, afterMs, ...claim }) =>
      (await call<boolean>({
        name: 'topics.defer',
        text: 'select topics.defer($1, $2, $3, $4, $5, $6, $7, $8, $9)',
        values: [...claimed(claim), attempts, triedTo, list(letters), afterMs],
      })) ?? false,
    giveUp: async (claim) => {
      await call({
        name: 'topics.give_up',
        text: 'select topics.give_up($1, $2, $3, $4, $5)',
        values: [...claimed(claim)],
      });
    },
    leave: async () => {
      await call({
        name: 'topics.give_up',
        text: 'select topics.give_up($1, $2, $3, $4, $5)',
        values: [...who, null, null],
      });
    },
  };
}

function byPartition(rows: readonly FetchRow[]): readonly Fetched[] {
  const found = new Map<
    number,
    { partition: number; messages: InMessage[]; letters: Fetched['letters'][number][] }
  >();
  for (const [partition, offset, key, value, headers, publishedAt, letter, attempt] of rows) {
    let fetched = found.get(partition);
    if (fetched === undefined) found.set(partition, (fetched = { partition, messages: [], letters: [] }));
    const message = { key, value, headers, partition, offset, publishedAt, attempt };
    if (letter === null) fetched.messages.push(message);
    else fetched.letters.push({ id: letter, message });
  }
  // The plan yields them in order; nothing but `order by` promises it, and sorting what is sorted costs next to nothing.
  for (const { messages, letters } of found.values()) {
    messages.sort((a, b) => a.offset - b.offset);
    letters.sort((a, b) => a.message.offset - b.message.offset);
  }
  return [...found.values()];
}
