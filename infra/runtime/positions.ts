import { DaybookError } from '@daybook/kernel/errors.ts';
import { beginning, type Position } from '@daybook/kernel/event.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { Database } from '../database/database.ts';
import { translateDatabaseError } from '../database/database.ts';
import type { Wakeup, Wakeups } from '../database/wakeups.ts';
import { reasonOf } from './loop.ts';
import { checkpointChannel } from './projector.ts';
import type { PartitionOf } from './tenant-partitions.ts';

/** How far read models are, as queries need to know it. */
export type Positions = Readonly<{
  /**
   * The least position of a tenant's events over some projections: at least everything up to there is in their read
   * models. Taken from memory, so it may be behind the truth, never ahead of it.
   */
  least(projections: readonly string[], tenantId: string): Promise<Position>;
  /**
   * Waits until the projections are at a position for a tenant; answers with the least of their positions.
   * @throws `position-timeout` (fields: position, reached, waitedMs) after `limitMs`
   */
  waitFor(
    position: Position,
    projections: readonly string[],
    tenantId: string,
    limitMs: number,
  ): Promise<Position>;
  /** Idempotent. Waiters are told that the wait timed out. */
  close(): Promise<void>;
}>;

export type PositionsOptions = Readonly<{
  database: Database;
  wakeups: Wakeups;
  /** Those that queries read. */
  projections: readonly string[];
  partitionOf: PartitionOf;
  log: Log;
  /** How often to look without a signal while somebody waits, in milliseconds. Default 50. */
  pollMs?: number;
  /** How often to look while nobody does, in milliseconds. Default 2 000. */
  idlePollMs?: number;
}>;

type Known = Readonly<{
  partitions: ReadonlyMap<number, Position>;
  holds: ReadonlyMap<string, Position>;
}>;

type Waiter = Readonly<{ projections: readonly string[]; check: () => void }>;

/** Follows the checkpoints of projections by wake-ups, with polling behind. */
export function followPositions(options: PositionsOptions): Positions {
  const { database, wakeups, partitionOf, log, pollMs = 50, idlePollMs = 2_000 } = options;
  const known = new Map<string, Known>();
  const waiters = new Set<Waiter>();
  const stopping = new AbortController();
  const { signal } = stopping;
  const dirty = new Set(options.projections);
  let refreshing: Promise<void> | undefined;
  let polling: NodeJS.Timeout | undefined;

  /** Brings the dirty projections up to date; calls that come meanwhile share the next round. */
  function refresh(): Promise<void> {
    if (dirty.size === 0 || signal.aborted) return refreshing ?? Promise.resolve();
    return (refreshing ??= (async () => {
      try {
        while (dirty.size > 0 && !signal.aborted) {
          const projections = [...dirty];
          dirty.clear();
          await learn(projections).catch((error: unknown) => {
            for (const projection of projections) dirty.add(projection);
            throw error;
          });
        }
      } finally {
        // In the same turn as the last look at what is dirty: whoever comes later begins another round.
        refreshing = undefined;
      }
    })());
  }

  async function learn(projections: readonly string[]): Promise<void> {
    for (const [projection, positions] of await read(database, projections)) known.set(projection, positions);
    for (const waiter of waiters) waiter.check();
  }

  function lookAgain(projections: readonly string[]): Promise<void> {
    for (const projection of projections) dirty.add(projection);
    return refresh().catch((error: unknown) => {
      log.debug('Positions cannot be read for now.', reasonOf(error));
    });
  }

  async function follow(projection: string, wakeup: Wakeup): Promise<void> {
    while (!signal.aborted) {
      await lookAgain([projection]);
      await wakeup.next(idlePollMs, signal);
    }
    wakeup.close();
  }

  const subscriptions = options.projections.map((projection) =>
    follow(projection, wakeups.subscribe(checkpointChannel(projection))),
  );

  function leastOf(projections: readonly string[], tenantId: string, partition: number): Position {
    const positions = projections.map((name) => positionIn(known.get(name), tenantId, partition));
    return positions.length === 0 ? beginning : positions.reduce((a, b) => (b < a ? b : a));
  }

  /** Looks now and then for as long as somebody waits, whatever becomes of the signals. */
  function pollForWaiters(): void {
    polling ??= setInterval(() => {
      if (waiters.size > 0) {
        void lookAgain([...waiters].flatMap(({ projections }) => projections));
        return;
      }
      clearInterval(polling);
      polling = undefined;
    }, pollMs);
  }

  async function waitFor(
    position: Position,
    projections: readonly string[],
    tenantId: string,
    limitMs: number,
  ): Promise<Position> {
    if (projections.length === 0) return position;
    const partition = await partitionOf(tenantId);
    const reached = (): Position => leastOf(projections, tenantId, partition);
    if (reached() >= position) return reached();
    const startedAt = performance.now();
    await new Promise<void>((resolve) => {
      const finish = (): void => {
        clearTimeout(limit);
        waiters.delete(waiter);
        signal.removeEventListener('abort', finish);
        resolve();
      };
      const waiter: Waiter = {
        projections,
        check: () => {
          if (reached() >= position) finish();
        },
      };
      const limit = setTimeout(finish, limitMs);
      signal.addEventListener('abort', finish);
      waiters.add(waiter);
      pollForWaiters();
    });
    if (reached() >= position) return reached();
    throw new DaybookError('position-timeout', 'The read model is not that far yet.', {
      retry: 'later',
      fields: { position, reached: reached(), waitedMs: Math.round(performance.now() - startedAt) },
    });
  }

  return {
    least: async (projections, tenantId) => leastOf(projections, tenantId, await partitionOf(tenantId)),
    waitFor,
    close: async () => {
      stopping.abort();
      clearInterval(polling);
      await Promise.all(subscriptions);
      await refreshing?.catch(() => undefined);
    },
  };
}

function positionIn(known: Known | undefined, tenantId: string, partition: number): Position {
  return known?.holds.get(tenantId) ?? known?.partitions.get(partition) ?? beginning;
}

/** Checkpoints of the builds that the views show, as of one moment. */
async function read(database: Database, projections: readonly string[]): Promise<ReadonlyMap<string, Known>> {
  const { rows } = await database.pool
    .query<{
      projection: string;
      partitions: Record<string, Position> | null;
      holds: Record<string, Position> | null;
    }>({
      name: 'positions of projections',
      text: `
        select m.projection,
          (select json_object_agg(c.partition, c.position) from runtime.checkpoints c
           where c.consumer = coalesce(b.consumer, m.projection) and c.version = m.version) as partitions,
          (select json_object_agg(h.tenant_id, h.position) from runtime.holds h
           where h.consumer = coalesce(b.consumer, m.projection) and h.version = m.version) as holds
        from runtime.read_models m
        left join runtime.builds b
          on b.projection = m.projection and b.version = m.version and b.build = m.build
        where m.projection = any($1)`,
      values: [projections],
    })
    .catch((error: unknown) => {
      throw translateDatabaseError(error);
    });
  return new Map(
    rows.map(({ projection, partitions, holds }) => [
      projection,
      {
        partitions: new Map(Object.entries(partitions ?? {}).map(([number, at]) => [Number(number), at])),
        holds: new Map(Object.entries(holds ?? {})),
      },
    ]),
  );
}
