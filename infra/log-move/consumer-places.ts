import type pg from 'pg';
import { beginning, type Position } from '@daybook/kernel/event.ts';
import { eventsTopic } from '@daybook/schemas/topics.ts';
import { translateDatabaseError } from '../database/database.ts';
import { defaultRelay } from '../relay/relay-lead.ts';

type Querier = Pick<pg.Pool, 'query'>;

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
export async function readConsumerPlaces(querier: Querier): Promise<ConsumerPlaces> {
  const ask = async <Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row[]> => {
    const { rows } = await querier.query<Row>(text, [...values]).catch((error: unknown) => {
      throw translateDatabaseError(error);
    });
    return rows;
  };
  const relays = await ask<{ position: Position }>('select position from topics.relays where name = $1', [
    defaultRelay,
  ]);
  return {
    relay: relays[0]?.position ?? beginning,
    processes: await ask<ProcessPlace>(processPlaces, [eventsTopic]),
    holds: await ask(
      `select consumer, version, tenant_id as "tenantId", position from runtime.holds
       where consumer like 'process %' order by consumer, version, tenant_id`,
    ),
  };
}

const processPlaces = `
  select k.consumer, k.version, k.partition, k.position,
    coalesce(c.next_offset, 0) >= p.end_offset as "atEnd",
    (select min((m.headers->>'ce_position') collate "C") from topics.messages m
     where m.topic_id = p.topic_id and m.partition = p.partition and m."offset" >= coalesce(c.next_offset, 0)
       and (m.headers->>'ce_position') collate "C" > k.position
       and m.headers->>'ce_position' ~ '^\\d{20}$') as unhandled
  from runtime.checkpoints k
  join topics.topics t on t.name = $1
  join topics.partitions p on p.topic_id = t.topic_id and p.partition = k.partition
  left join topics.cursors c on c.topic_id = t.topic_id and c.partition = k.partition
    and 'process ' || c.group_name = k.consumer
  where k.consumer like 'process %'
  order by k.consumer, k.version, k.partition`;

/** All positions that a move has to know of. */
export function positionsOf({ relay, processes, holds }: ConsumerPlaces): readonly Position[] {
  return [
    relay,
    ...processes.flatMap(({ position, unhandled }) => [position, unhandled ?? position]),
    ...holds.map(({ position }) => position),
  ];
}
