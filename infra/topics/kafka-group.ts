import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { InMessage } from '@daybook/kernel/ports/topics.ts';
import { translateDatabaseError, type Database } from '../database/database.ts';
import { waitsBehind, type Fetched, type GroupLedger, type Settlement, type Want } from './group-ledger.ts';
import type { KafkaReader } from './kafka-reader.ts';
import { ask } from './postgres-statement.ts';
import { list } from './publish-batch.ts';

/** What of a group stands around its records. */
export type KafkaGroup = Readonly<{
  database: Database;
  topic: number;
  group: string;
  member: string;
  /** The group's state in PostgreSQL: members, claims, progress, dead letters. */
  state: GroupLedger;
  reader: KafkaReader;
  /** A copy of a message that is parked; repeated where parking is. */
  copy: (message: InMessage, reason: string) => Promise<void>;
  /** Tells when something was read. */
  onNews: (ring: () => void) => void;
  /** Looks up how far the topic is known to reach. */
  learnEnds: () => Promise<void>;
  /** Where each partition begins. */
  begins: () => Promise<ReadonlyMap<number, number>>;
  log: Log;
}>;

/**
 * The ledger of one member of a group whose records are in Kafka. All that a group knows of itself stays in PostgreSQL,
 * beside the read models' own checkpoints: claims and their epochs fence as they do there, whatever Kafka's own groups do.
 */
export function kafkaLedger(options: KafkaGroup): GroupLedger {
  const { state, reader, copy, onNews, learnEnds } = options;
  /** Fetched and not recorded yet, by partition and offset: what is set aside is taken from here. */
  const inHand = new Map<number, Map<number, InMessage>>();
  let epochs: ReadonlyMap<number, number> = new Map();
  /** By partition: the place that was recorded last, and behind which records that are no messages. */
  const recorded = new Map<number, Readonly<{ next: number; passed: number }>>();
  const settledTo = (partition: number, next: number): void => {
    const messages = inHand.get(partition);
    for (const offset of messages?.keys() ?? []) if (offset < next) messages?.delete(offset);
  };
  return {
    ...state,
    onNews,
    sync: async (first) => {
      await learnEnds();
      const begins = first ? await beginsForNew(options) : undefined;
      const membership = await state.sync(first);
      if (begins !== undefined) await beginAt(options, begins);
      const held = new Map(membership.held.map(({ partition, epoch }) => [partition, epoch]));
      for (const partition of inHand.keys()) if (!held.has(partition)) inHand.delete(partition);
      for (const [partition, epoch] of epochs) {
        if (held.get(partition) === epoch) continue;
        reader.forget(partition);
        recorded.delete(partition);
      }
      epochs = held;
      if (!first) reader.keep(new Set(held.keys()));
      if (begins === undefined) return membership;
      return {
        ...membership,
        held: membership.held.map((one) => ({
          ...one,
          next: Math.max(one.next, begins.get(one.partition) ?? 0),
        })),
      };
    },
    fetch: async (wants, limit) => {
      const letters = wants.some((want) => want.letters) ? await state.fetch(wants, limit) : [];
      await passOver(wants);
      return wants.flatMap((want) => fetchedOf(want, limit, letters));
    },
    news: async (wants) =>
      wants.some(({ partition, from }) => reader.has(partition, from)) ||
      ((await state.news?.(wants)) ?? true),
    commit: async (moves) => {
      const passing = moves.map((move) => ({ ...move, next: reader.passed(move.partition, move.next) }));
      const accepted = await state.commit(passing);
      for (const [index, { partition, next }] of moves.entries()) {
        settledTo(partition, next);
        if (accepted.has(partition)) recorded.set(partition, { next, passed: passing[index]?.next ?? next });
      }
      return accepted;
    },
    settle: async (settlement) => {
      const aside = asideOf(settlement);
      const parked = aside.find(({ offset }) => offset === settlement.parked?.offset);
      if (parked !== undefined) await copy(parked, settlement.parked?.reason ?? '');
      const accepted = await settle(options, settlement, aside);
      settledTo(settlement.partition, settlement.next);
      return accepted;
    },
    leave: async () => {
      await Promise.all([state.leave(), reader.close()]);
    },
  };

  /** Records how far the group is where everything is handled and records follow that are no messages. */
  async function passOver(wants: readonly Want[]): Promise<void> {
    const moves = wants.flatMap(({ partition, from }) => {
      const { next, passed } = recorded.get(partition) ?? { next: undefined, passed: 0 };
      const epoch = epochs.get(partition);
      const upTo = reader.passed(partition, from);
      return epoch === undefined || next !== from || upTo <= passed ? [] : [{ partition, epoch, next: upTo }];
    });
    if (moves.length === 0) return;
    const accepted = await state.commit(moves);
    for (const { partition, next: passed } of moves) {
      const { next = passed } = recorded.get(partition) ?? {};
      if (accepted.has(partition)) recorded.set(partition, { next, passed });
    }
  }

  function fetchedOf(
    { partition, from }: Want,
    limit: number,
    letters: readonly Fetched[],
  ): readonly Fetched[] {
    const messages = reader.take(partition, from, limit);
    const own = inHand.get(partition) ?? new Map<number, InMessage>();
    inHand.set(partition, own);
    for (const message of messages) own.set(message.offset, message);
    const released = letters.find((one) => one.partition === partition)?.letters ?? [];
    return messages.length + released.length === 0 ? [] : [{ partition, messages, letters: released }];
  }

  function asideOf({ partition, waiting, parked }: Settlement): readonly InMessage[] {
    return [...waiting, ...(parked === undefined ? [] : [parked.offset])].map((offset) => {
      const message = inHand.get(partition)?.get(offset);
      if (message === undefined) throw new Error('What is set aside was fetched.');
      return message;
    });
  }
}

/**
 * Where a group begins that has not been there before, or not for so long that retention may have removed what it did not
 * take in: at what is there. Undefined for every other group: what is not there any more was lost under it.
 */
async function beginsForNew({
  database,
  topic,
  group,
  begins,
  log,
}: KafkaGroup): Promise<ReadonlyMap<number, number> | undefined> {
  const [row] = await ask<readonly [boolean, boolean]>(database, {
    name: 'topics.group_absent',
    text: `select g.group_name is not null,
                  coalesce(g.seen_at < clock_timestamp() - t.retention_ms / 2 * interval '1 ms', false)
             from topics.topics t left join topics.groups g on g.topic_id = t.topic_id and g.group_name = $2
            where t.topic_id = $1`,
    values: [topic, group],
  });
  const [known = false, absent = false] = row ?? [];
  if (known && !absent) return undefined;
  if (known) log.warn('A group was away for long: it goes on with what is there of its topic.', { group });
  return begins();
}

async function beginAt(
  { database, topic, group }: KafkaGroup,
  begins: ReadonlyMap<number, number>,
): Promise<void> {
  const later = [...begins].filter(([, begin]) => begin > 0);
  if (later.length === 0) return;
  await ask(database, {
    name: 'topics.begin_at',
    text: `update topics.cursors c set next_offset = b.begins
             from unnest($3::integer[], $4::bigint[]) b (partition, begins)
            where c.topic_id = $1 and c.group_name = $2 and c.partition = b.partition and c.next_offset < b.begins
           returning 1`,
    values: [
      topic,
      group,
      list(later.map(([partition]) => partition)),
      list(later.map(([, begin]) => begin)),
    ],
  });
}

/**
 * The rules of setting aside are the database's, which finds messages in its own log: they stand there for the length of
 * this transaction, where nobody else sees them.
 */
async function settle(
  { database, topic, group, member }: KafkaGroup,
  { partition, epoch, next, waiting, parked }: Settlement,
  messages: readonly InMessage[],
): Promise<boolean> {
  try {
    return await database.transaction(async (client) => {
      await client.query(
        `insert into topics.messages (topic_id, partition, "offset", published_at, key, headers, value)
         select $1, $2, m.* from unnest($3::bigint[], $4::timestamptz[], $5::text[], $6::text[]::json[], $7::bytea[]) m`,
        [
          topic,
          partition,
          list(messages.map(({ offset }) => offset)),
          messages.map(({ publishedAt }) => publishedAt),
          messages.map(({ key }) => key),
          messages.map(({ headers }) => JSON.stringify(headers)),
          messages.map(({ value }) => Buffer.from(value)),
        ],
      );
      const { rows } = await client.query<{ settled: boolean }>(
        'select topics.settle($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) as settled',
        [
          ...[topic, group, member, partition, epoch, next, list(waiting), waitsBehind],
          ...[parked?.offset ?? null, parked?.attempt ?? null, parked?.reason.replaceAll('\0', '') ?? null],
        ],
      );
      await client.query('delete from topics.messages where topic_id = $1 and partition = $2', [
        topic,
        partition,
      ]);
      return rows[0]?.settled ?? false;
    });
  } catch (error) {
    throw translateDatabaseError(error);
  }
}
