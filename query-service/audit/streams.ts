import { z } from 'zod';
import type { Wakeups } from '@daybook/infra/database/wakeups.ts';
import type { ServerSentEvent } from '@daybook/infra/http/sse.ts';
import { defineEventStream, type EventStream } from '@daybook/infra/http/stream-routes.ts';
import { rest } from '@daybook/infra/runtime/loop.ts';
import type { QueryDatabase, TenantDb } from '@daybook/infra/runtime/query-database.ts';
import { observers } from '../shared/access.ts';
import { timelineItemOf, type TimelineRow } from './timeline-view.ts';

export type StreamPorts = Readonly<{
  readModels: Pick<QueryDatabase, 'forTenant'>;
  wakeups: Wakeups;
  /** Longest wait without a look at the timeline, in milliseconds. Default 5 000. */
  pollMs?: number;
}>;

const rowsAtOnce = 200;

/** Between a look that found nothing and the next, in milliseconds: the signal is of the whole installation, not of the tenant. */
const restMs = 250;

/** The event streams of audit. */
export function auditStreams(ports: StreamPorts): readonly EventStream<unknown>[] {
  return [
    defineEventStream({
      name: 'live',
      summary: 'The timeline as it grows. The id of each event is its position, from which a caller resumes.',
      access: observers,
      path: '/v1/live',
      input: z.strictObject({
        type: z.string().max(100).optional().meta({ description: 'Only events of this type.' }),
      }),
      open: ({ input, lastEventId, principal }, signal) =>
        liveEvents(ports, { type: input.type, after: lastEventId, tenantId: principal.tenantId }, signal),
    }),
  ];
}

type Asked = Readonly<{ type: string | undefined; after: string | null; tenantId: string }>;

/** Rows of a tenant's timeline after a position (from now on, where there is none), until `signal` aborts. */
export async function* liveEvents(
  { readModels, wakeups, pollMs = 5_000 }: StreamPorts,
  { type, after, tenantId }: Asked,
  signal: AbortSignal,
): AsyncGenerator<ServerSentEvent> {
  const db = readModels.forTenant(tenantId);
  // Subscribed before the first look, so that nothing falls between look and wait.
  const wakeup = wakeups.subscribe('checkpoint:timeline');
  try {
    let position = after ?? (await lastPosition(db));
    while (!signal.aborted) {
      const lookedAt = performance.now();
      const rows = await rowsAfter(db, position, type);
      for (const row of rows) {
        yield { id: row.position, data: timelineItemOf(row) };
        position = row.position;
      }
      if (rows.length < rowsAtOnce) await wakeup.next(pollMs, signal);
      if (rows.length === 0) await rest(Math.max(1, lookedAt + restMs - performance.now()), signal);
    }
  } finally {
    wakeup.close();
  }
}

async function lastPosition(db: TenantDb): Promise<string> {
  const [row] = await db
    .from<TimelineRow>('timeline')
    .select('position')
    .orderBy('position', 'desc')
    .limit(1);
  return row?.position ?? '';
}

async function rowsAfter(db: TenantDb, position: string, type: string | undefined): Promise<TimelineRow[]> {
  const query = db.from<TimelineRow>('timeline').where('position', '>', position);
  if (type !== undefined) void query.where({ type });
  return query.orderBy('position').limit(rowsAtOnce);
}
