import { beginning, type Position } from '@daybook/kernel/event.ts';
import type { Database } from '../database/database.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import { ask } from '../topics/postgres-statement.ts';

/** The right to forward: the epoch fences former leaders, the position is the checkpoint to go on from. */
export type Lead = Readonly<{ epoch: number; position: Position }>;

export type RelayIdentity = Readonly<{
  /** Relays of one name share a checkpoint; one of them leads. Default `events`. */
  name?: string;
  /** Stable over restarts, held by one process at a time: its next incarnation leads without waiting for the lease. */
  instance?: string;
  /** Without a sign of life for this long the lead is free. Default 5 000. */
  leaseMs?: number;
}>;

export const defaultRelay = 'events';
export const defaultLeaseMs = 5_000;

/** One relay's row in `topics.relays`, seen by one process. Leases run by the database's clock. */
export type RelayLead = Readonly<{
  /** Takes or confirms the lead; null while another relay has it. */
  take(): Promise<Lead | null>;
  /** Renews the lease; false where another relay leads. */
  keep(epoch: number): Promise<boolean>;
  /** Moves the checkpoint from `after` to `position`; false where another relay leads or it stands elsewhere. */
  advance(epoch: number, after: Position, position: Position, events: number): Promise<boolean>;
  /**
   * Takes the lead from whoever has it, whose epoch is over at once. Answers also with how long the former lease would have
   * run, in milliseconds: what its leader has under way may come until then. Null where no relay ever ran.
   */
  seize(): Promise<(Lead & Readonly<{ formerMs: number }>) | null>;
  resign(epoch: number): Promise<void>;
  /** First parameters of `topics.forward`. */
  claim(epoch: number, after: Position, position: Position): readonly unknown[];
}>;

/** The row of one relay in the database, for one process: an owner of its own at each call. */
export function relayLead(database: Database, identity: RelayIdentity): RelayLead {
  const { name = defaultRelay, instance = null, leaseMs = defaultLeaseMs } = identity;
  const owner = crypto.randomUUID();
  let first = true;
  const changed = async (statement: string, text: string, values: readonly unknown[]): Promise<boolean> => {
    const rows = await ask(database, { name: `topics.relay.${statement}`, text, values });
    return rows.length > 0;
  };
  return {
    take: async () => {
      await failpoint('relay.taking');
      const rows = await ask<readonly [number, Position]>(database, {
        name: 'topics.relay.take',
        text: `insert into topics.relays as r (name, owner, instance, epoch, expires_at, position)
               values ($1, $2, $3, 1, clock_timestamp() + $4 * interval '1 ms', $5)
               on conflict (name) do update
                 set owner = $2, instance = $3, expires_at = excluded.expires_at,
                     epoch = case when r.owner = $2 then r.epoch else r.epoch + 1 end
               where r.owner is null or r.owner = $2 or r.expires_at <= clock_timestamp()
                  or ($6 and r.instance = $3)
               returning r.epoch, r.position`,
        values: [name, owner, instance, leaseMs, beginning, first],
      });
      first = false;
      const [row] = rows;
      return row === undefined ? null : { epoch: row[0], position: row[1] };
    },
    keep: async (epoch) => {
      await failpoint('relay.keeping');
      const kept = await changed(
        'keep',
        `update topics.relays set expires_at = clock_timestamp() + $4 * interval '1 ms'
          where name = $1 and owner = $2 and epoch = $3 returning 1`,
        [name, owner, epoch, leaseMs],
      );
      await failpoint('relay.kept');
      return kept;
    },
    advance: (epoch, after, position, events) =>
      changed(
        'advance',
        `update topics.relays
            set position = $6, forwarded = forwarded + $7, moved_at = clock_timestamp(),
                expires_at = clock_timestamp() + $4 * interval '1 ms'
          where name = $1 and owner = $2 and epoch = $3 and position = $5 returning 1`,
        [name, owner, epoch, leaseMs, after, position, events],
      ),
    seize: async () => {
      const rows = await ask<readonly [number, Position, number]>(database, {
        name: 'topics.relay.seize',
        text: `with former as (select r.owner, r.expires_at from topics.relays r where r.name = $1 for update)
               update topics.relays r
                  set owner = $2, instance = $3, epoch = r.epoch + 1,
                      expires_at = clock_timestamp() + $4 * interval '1 ms'
                 from former f where r.name = $1
               returning r.epoch, r.position, case when f.owner is null then 0 else greatest(0,
                 extract(epoch from f.expires_at - clock_timestamp()) * 1000)::float8 end`,
        values: [name, owner, instance, leaseMs],
      });
      const [row] = rows;
      return row === undefined ? null : { epoch: row[0], position: row[1], formerMs: row[2] };
    },
    resign: async (epoch) => {
      await failpoint('relay.resigning');
      await changed(
        'resign',
        `update topics.relays set owner = null, expires_at = '-infinity'
          where name = $1 and owner = $2 and epoch = $3 returning 1`,
        [name, owner, epoch],
      );
      await failpoint('relay.resigned');
    },
    claim: (epoch, after, position) => [name, owner, epoch, leaseMs, after, position],
  };
}

/** How long what a relay that is gone without resigning has under way may still come, in milliseconds. @throws `unavailable` */
export async function leaseLeftMs(database: Database): Promise<number> {
  const rows = await ask<readonly [number]>(database, {
    name: 'topics.relay.lease_left',
    text: `select greatest(0, max(extract(epoch from expires_at - clock_timestamp()) * 1000))::float8
             from topics.relays where owner is not null`,
    values: [],
  });
  return rows[0]?.[0] ?? 0;
}
