import type { InMessage } from '@daybook/kernel/ports/topics.ts';
import { translateDatabaseError, type Database } from '../database/database.ts';
import { waitsBehind, type Fetched, type GroupLedger, type Settlement, type Want } from './group-ledger.ts';
import type { KafkaReader } from './kafka-reader.ts';
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
}>;

/**
 * The ledger of one member of a group whose records are in Kafka. All that a group knows of itself stays in PostgreSQL,
 * beside the read models' own checkpoints: claims and their epochs fence as they do there, whatever Kafka's own groups do.
 */
export function kafkaLedger(options: KafkaGroup): GroupLedger {
  const { state, reader, copy, onNews } = options;
  /** Fetched and not recorded yet, by partition and offset: what is set aside is taken from here. */
  const inHand = new Map<number, Map<number, InMessage>>();
  const settledTo = (partition: number, next: number): void => {
    const messages = inHand.get(partition);
    for (const offset of messages?.keys() ?? []) if (offset < next) messages?.delete(offset);
  };
  return {
    ...state,
    onNews,
    sync: async (first) => {
      const membership = await state.sync(first);
      const held = new Set(membership.held.map(({ partition }) => partition));
      for (const partition of inHand.keys()) if (!held.has(partition)) inHand.delete(partition);
      if (!first) reader.keep(held);
      return membership;
    },
    fetch: async (wants, limit) => {
      const letters = wants.some((want) => want.letters) ? await state.fetch(wants, limit) : [];
      return wants.flatMap((want) => fetchedOf(want, limit, letters));
    },
    news: async (wants) =>
      wants.some(({ partition, from }) => reader.has(partition, from)) ||
      ((await state.news?.(wants)) ?? true),
    commit: async (moves) => {
      const accepted = await state.commit(moves);
      for (const { partition, next } of moves) settledTo(partition, next);
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
