import type { AnyProjection } from '@daybook/kernel/projection.ts';
import type { Topics } from '@daybook/kernel/ports/topics.ts';
import { translateDatabaseError, type Database } from '../database/database.ts';
import { notReady } from '../readiness.ts';
import { projectionConsumer } from './checkpoints.ts';
import { behindOf } from './consumer-lag.ts';

export type ProjectorReadinessOptions = Readonly<{
  projection: AnyProjection;
  /** The topic it follows. */
  topic: string;
  topics: Pick<Topics, 'lag'>;
  database: Pick<Database, 'pool'>;
  /** How long an event may wait to be folded. */
  mostLagMs: number;
}>;

/**
 * Says how far a projection is behind, and how many tenants are held behind a parked event of theirs. Those do not make it
 * unready: somebody has to look, and everybody else is served.
 * @throws `unavailable` where an event waits longer than it may, with how long
 */
export async function projectorReadiness(options: ProjectorReadinessOptions): Promise<string> {
  const { projection, topics, topic, mostLagMs } = options;
  const lags = await topics.lag(topic, projectionConsumer(projection).group);
  const { messages, seconds } = behindOf(lags);
  const behind = `${String(messages)} events behind${messages === 0 ? '' : ` for ${seconds.toFixed(1)} s`}`;
  if (seconds * 1_000 > mostLagMs) {
    throw notReady(`${behind}, which is more than ${String(mostLagMs / 1_000)} s (READY_MAX_LAG).`);
  }
  const held = await heldTenants(options);
  return held === 0 ? behind : `${behind}; ${String(held)} tenants held behind a parked event`;
}

async function heldTenants({ projection, database }: ProjectorReadinessOptions): Promise<number> {
  try {
    const { rows } = await database.pool.query<{ held: number }>({
      name: 'held tenants',
      text: `select count(*)::integer as held from runtime.holds h
             join runtime.builds b on b.consumer = h.consumer and b.version = h.version
             where b.projection = $1 and b.version = $2 and b.followed`,
      values: [projection.name, projection.version],
    });
    return rows[0]?.held ?? 0;
  } catch (error) {
    throw translateDatabaseError(error);
  }
}
