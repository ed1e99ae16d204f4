import type pg from 'pg';
import { beginning, type Position } from '@daybook/kernel/event.ts';
import type { InMessage } from '@daybook/kernel/ports/topics.ts';
import { eventsTopic } from '@daybook/schemas/topics.ts';
import { translateDatabaseError } from '../database/database.ts';
import { defaultRelay } from '../relay/relay-lead.ts';
import type { TopicUpkeep } from '../topics/topic-upkeep.ts';

type Querier = Pick<pg.Pool, 'query'>;
type Readable = Pick<TopicUpkeep, 'read' | 'spans'>;

/** Where the consumers of a log stand that are not folded anew from it: the relay and the processes. */
export type ConsumerPlaces = Readonly<{
  /** Everything up to there is on the events topic, or was. */
  relay: Position;
  processes: readonly ProcessPlace[];
  /** Tenants of which a process has a parked event: theirs is in up to the position. */
  holds: readonly Readonly<{ consumer: string; version: number; tenantId: string; position: Position }>[];
}>;

/** A process in a partition of the events topic. */
export type ProcessPlace = Readonly<{
  consumer: string;
  version: number;
  partition: number;
  position: Position;
  /** Its group is at the end of the topic. */
  atEnd: boolean;
  /** The first event on the topic that it has not taken in; null where there is none. */
  unhandled: Position | null;
}>;

/** @throws `unavailable` */
export async function readConsumerPlaces(querier: Querier, topic: Readable): Promise<ConsumerPlaces> {
  return {
    relay: await readRelayPosition(querier),
    processes: await processesOf(topic, await ask<Recorded>(querier, recordedPlaces, [eventsTopic])),
    holds: await ask(
      querier,
      `select consumer, version, tenant_id as "tenantId", position from runtime.holds
       where consumer like 'process %' order by consumer, version, tenant_id`,
    ),
  };
}

/** How far the relay is in the log that is followed. @throws `unavailable` */
export async function readRelayPosition(querier: Querier): Promise<Position> {
  const relays = await ask<{ position: Position }>(
    querier,
    'select position from topics.relays where name = $1',
    [defaultRelay],
  );
  return relays[0]?.position ?? beginning;
}

async function ask<Row extends object>(
  querier: Querier,
  text: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  const { rows } = await querier.query<Row>(text, [...values]).catch((error: unknown) => {
    throw translateDatabaseError(error);
  });
  return rows;
}

/** `next`: the offset on the topic from which its group goes on. */
type Recorded = Omit<ProcessPlace, 'atEnd' | 'unhandled'> & Readonly<{ next: number }>;

const recordedPlaces = `
  select k.consumer, k.version, k.partition, k.position, coalesce(c.next_offset, 0) as next
  from runtime.checkpoints k
  join topics.topics t on t.name = $1
  join topics.partitions p on p.topic_id = t.topic_id and p.partition = k.partition
  left join topics.cursors c on c.topic_id = t.topic_id and c.partition = k.partition
    and 'process ' || c.group_name = k.consumer
  where k.consumer like 'process %'
  order by k.consumer, k.version, k.partition`;

/** Reads on the topic, once a partition, what some process has not been handed yet. */
async function processesOf(topic: Readable, recorded: readonly Recorded[]): Promise<readonly ProcessPlace[]> {
  const spans = new Map((await topic.spans(eventsTopic))?.map((span) => [span.partition, span]));
  const first = new Map<Recorded, Position>();
  for (const [partition, { low, high }] of spans) {
    const behind = recorded.filter((one) => one.partition === partition && one.next < high);
    if (behind.length === 0) continue;
    const from = Math.max(low, Math.min(...behind.map(({ next }) => next)));
    for await (const { offset, headers } of messagesOf(topic, partition, from, high)) {
      const position = headers['ce_position'];
      if (!isPosition(position)) continue;
      for (const one of behind) {
        const earlier = first.get(one);
        const isNew = offset >= one.next && position > one.position;
        if (isNew && (earlier === undefined || position < earlier)) first.set(one, position);
      }
    }
  }
  return recorded.map((one) => {
    const { next, ...place } = one;
    const { high = 0 } = spans.get(place.partition) ?? {};
    return { ...place, atEnd: next >= high, unhandled: first.get(one) ?? null };
  });
}

const pageSize = 1_000;

async function* messagesOf(
  topic: Readable,
  partition: number,
  from: number,
  to: number,
): AsyncGenerator<InMessage> {
  for (let next = from; next < to;) {
    const messages = await topic.read(eventsTopic, partition, next, pageSize);
    yield* messages;
    const last = messages.at(-1);
    if (last === undefined) return;
    next = last.offset + 1;
  }
}

/** What others may have put on the topic bears anything there. */
function isPosition(text: string | undefined): text is Position {
  return text !== undefined && /^\d{20}$/.test(text);
}

/** All positions that a move has to know of. */
export function positionsOf({ relay, processes, holds }: ConsumerPlaces): readonly Position[] {
  return [
    relay,
    ...processes.flatMap(({ position, unhandled }) => [position, unhandled ?? position]),
    ...holds.map(({ position }) => position),
  ];
}
