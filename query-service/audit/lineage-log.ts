import type { Database } from '@daybook/infra/database/database.ts';
import { makeLineage, type Lineage, type LineageOptions } from '@daybook/infra/lineage/lineage.ts';
import { waitingOf } from '@daybook/infra/lineage/waiting.ts';
import type { Models } from '@daybook/infra/platform.ts';
import type { EventPlace, TenantLog } from '@daybook/infra/lineage/tenant-log.ts';
import type { QueryDatabase, TenantDb } from '@daybook/infra/runtime/query-database.ts';
import { beginning, latest, type Position } from '@daybook/kernel/event.ts';
import { later } from '@daybook/kernel/instant.ts';
import type { Row } from '@daybook/kernel/projection.ts';
import type { TimelineRow } from './timeline-view.ts';

type Place = EventPlace & Readonly<{ position: string }>;

const columns = ['stream', 'revision', 'position'] as const satisfies readonly (keyof Place)[];

/** Clocks of writers differ, and may be set back: times are in the order of the log only so far. */
const clocksDifferMs = 60 * 60 * 1_000;

export type LineageParts = Readonly<{
  models: Models;
  eventStore: LineageOptions['eventStore'];
  database: Pick<Database, 'pool'>;
  readModels: Pick<QueryDatabase, 'forTenant'>;
}>;

/** Lineage over the log, the read models and what processes have waiting. */
export function lineageOver({ models, eventStore, database, readModels }: LineageParts): Lineage {
  const processes = models.processes.map(({ name }) => name);
  return makeLineage({
    projections: models.projections,
    eventStore,
    forTenant: (tenantId) => tenantLog(readModels.forTenant(tenantId)),
    waiting: (tenantId, correlationIds) =>
      waitingOf(database, { processes, tenantId, correlationIds, most: mostWaiting }),
  });
}

const mostWaiting = 200;

/** A tenant's part of the log, found through its timeline. */
export function tenantLog(db: TenantDb): TenantLog {
  return {
    row: async (readModel, key) => {
      const named = Object.fromEntries(
        Object.entries(key).map(([column, value]) => [`${readModel}.${column}`, value]),
      ) as Record<string, string>;
      const [row] = await db.from(readModel).where(named).limit(1);
      return (row as Row | undefined) ?? null;
    },
    placesOfTypes: async function* (types, { since, pageSize }) {
      let after = since === undefined ? beginning : await positionBefore(db, since);
      for (;;) {
        const places = await db
          .from<Place & Pick<TimelineRow, 'type'>>('timeline')
          .select(...columns)
          .whereIn('type', types)
          .where('position', '>', after)
          .orderBy('position')
          .limit(pageSize);
        const last = places.at(-1);
        if (last !== undefined) yield places;
        if (last === undefined || places.length < pageSize) return;
        after = last.position as Position;
      }
    },
    placesOfCorrelations: (correlationIds, { from, most }) =>
      db
        .from<Place & Pick<TimelineRow, 'correlationId'>>('timeline')
        .select(...columns)
        .whereIn('correlationId', correlationIds)
        .where('position', '>=', from)
        .orderBy('position')
        .limit(most),
  };
}

/**
 * A position before everything that was recorded since a time, found by halving: times are in the order of positions but
 * for the difference of clocks, and the timeline has no index by time.
 */
async function positionBefore(db: TenantDb, since: string): Promise<Position> {
  const margin = Number.isNaN(Date.parse(since)) ? since : later(since, -clocksDifferMs);
  const timeline = (): ReturnType<typeof db.from<TimelineRow>> => db.from<TimelineRow>('timeline');
  const [end] = await timeline().select('position').orderBy('position', 'desc').limit(1);
  let low = 0n;
  let high = BigInt(end?.position ?? 0);
  while (low < high) {
    const middle = (low + high) / 2n;
    const at = printed(middle);
    const [next] = await timeline()
      .select('position', 'recordedAt')
      .where('position', '>', at)
      .orderBy('position')
      .limit(1);
    if (next === undefined || next.recordedAt >= margin) high = middle;
    else low = BigInt(next.position);
  }
  return latest(beginning, printed(low));
}

/** As wide as every position is. */
function printed(position: bigint): Position {
  return position.toString().padStart(beginning.length, '0') as Position;
}
