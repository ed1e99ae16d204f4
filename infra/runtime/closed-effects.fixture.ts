import type { Querier } from './checkpoints.ts';
import type { InstanceName, OutwardEffect } from './process-step.ts';

/** An effect that was refused or given up. */
type ClosedEffect = InstanceName &
  Readonly<{
    seq: number;
    id: string;
    process: string;
    status: 'rejected' | 'dead';
    effect: OutwardEffect;
    attempts: number;
    reason: string;
    closedAt: string;
  }>;

/** Effects that were refused or given up, latest first. */
export async function closedEffects(
  querier: Querier,
  status: ClosedEffect['status'],
  limit: number,
): Promise<readonly ClosedEffect[]> {
  const { rows } = await querier.query<ClosedEffect>(
    `select seq, id, process, tenant_id as "tenantId", instance_id as "instanceId", status, effect, attempts, reason,
       closed_at as "closedAt"
     from runtime.effects where status = $1 order by closed_at desc, seq desc limit $2`,
    [status, limit],
  );
  return rows;
}
