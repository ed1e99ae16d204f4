import { coalesced } from '../database/coalesced.ts';
import type { Database } from '../database/database.ts';
import { ask } from './postgres-statement.ts';
import { list } from './publish-batch.ts';

/** The lease of one member. */
export type Renewal = Readonly<{ topic: number; group: string; member: string; leaseMs: number }>;

/** Consumers of a process renew at the same times; this much later all of them have asked. */
const lingerMs = 5;

/** SQL of a text that is another one once somebody has joined or left. */
export function markOf(topic: string, group: string): string {
  return `select count(*) || ' ' || max(g.joined_at) from topics.members g
    where g.topic_id = ${topic} and g.group_name = ${group}`;
}

/**
 * Takes no lock of a group, only those of the members' own rows, which nobody else touches while they live. A crash of the
 * server may take the last moment's leases back: their members then renew them, or are fenced.
 */
const text = `
  with quick as materialized (select set_config('synchronous_commit', 'off', true) as setting),
  asked as (
    select a.* from unnest($1::integer[], $2::integer[], $3::text[], $4::uuid[], $5::integer[])
      a (asker, topic, group_name, member, lease_ms)
  ), renewed as (
    update topics.members m set expires_at = clock_timestamp() + a.lease_ms * interval '1 ms'
      from asked a, quick
     where m.topic_id = a.topic and m.group_name = a.group_name and m.member = a.member
    returning a.asker
  )
  select a.asker, (${markOf('a.topic', 'a.group_name')}) from asked a join renewed using (asker)
   where not exists (select from topics.members m
                      where m.topic_id = a.topic and m.group_name = a.group_name and m.member <> a.member
                        and m.expires_at <= clock_timestamp())
     and not exists (select from topics.cursors c
                      where c.topic_id = a.topic and c.group_name = a.group_name and c.owner is null)`;

/** Renews the leases of several members at once; answers each with the mark of its group, null where something is amiss. */
export function renewalOf(database: Database): (renewal: Renewal) => Promise<string | null> {
  return coalesced<Renewal, string | null>(
    async (renewals) => {
      const rows = await ask<readonly [number, string]>(database, {
        name: 'topics.renew',
        text,
        values: [
          list(renewals.map((_, asker) => asker)),
          list(renewals.map(({ topic }) => topic)),
          renewals.map(({ group }) => group),
          renewals.map(({ member }) => member),
          list(renewals.map(({ leaseMs }) => leaseMs)),
        ],
      });
      const marks = new Map(rows);
      return renewals.map((_, asker) => marks.get(asker) ?? null);
    },
    { lingerMs },
  );
}
