import { translateDatabaseError } from '../database/database.ts';
import type { Querier } from '../runtime/checkpoints.ts';
import type { ParkedFilter } from './parked.ts';

/** What somebody decided about something that was parked: its last decision. */
export type Decided = Readonly<{
  parkedId: string;
  kind: string;
  consumer: string;
  tenantId: string;
  about: string | null;
  act: 'retried' | 'skipped';
  reason: string | null;
  actorKind: string;
  actorId: string;
  decidedAt: string;
}>;

/**
 * Decisions of all tenants, newest first, as the read model has them; none before that was folded for the first time.
 * @throws `unavailable` · `timeout`
 */
export async function listDecisions(
  querier: Querier,
  filter: ParkedFilter & Readonly<{ parkedId?: string }>,
  limit: number,
): Promise<readonly Decided[]> {
  try {
    const { rows: found } = await querier.query(
      `select where to_regclass('read.parked_decisions') is not null`,
    );
    if (found.length === 0) return [];
    const { rows } = await querier.query<Decided>(
      `select parked_id as "parkedId", kind, consumer, tenant_id as "tenantId", about, act, reason,
         actor_kind as "actorKind", actor_id as "actorId", decided_at as "decidedAt"
       from read.parked_decisions
       where ($1::text is null or consumer = $1) and ($2::text is null or kind = $2)
         and ($3::text is null or tenant_id = $3) and ($4::text is null or parked_id = $4)
       order by decided_at desc, parked_id desc limit $5`,
      [filter.consumer ?? null, filter.kind ?? null, filter.tenantId ?? null, filter.parkedId ?? null, limit],
    );
    return rows;
  } catch (error) {
    throw translateDatabaseError(error);
  }
}
