import { z } from 'zod';
import { cursors, pageOf } from '@daybook/infra/http/cursor.ts';
import type { TenantDb } from '@daybook/infra/runtime/query-database.ts';
import { defineQuery, type Query } from '@daybook/kernel/query.ts';
import { observers } from '../shared/access.ts';
import type { QueryPorts } from '../query-ports.ts';
import { cursor, instant, limit, page } from '../shared/lists.ts';
import { explainRow } from './lineage.ts';
import { timelineItem, timelineItemOf, type TimelineRow } from './timeline-view.ts';

const listEvents: Query<TenantDb> = defineQuery({
  name: 'listEvents',
  summary: 'The timeline of the tenant: everything that happened, newest first.',
  access: observers,
  path: '/v1/events',
  input: z.strictObject({
    type: z.string().max(100).optional().meta({ description: 'Such as `PriceObserved`.' }),
    stream: z.string().max(200).optional().meta({ description: 'Such as `product-…`: one thing’s history.' }),
    from: instant.optional(),
    to: instant.optional(),
    order: z.enum(['newest', 'oldest']).default('newest'),
    limit: limit(50, 500),
    cursor,
  }),
  output: page(timelineItem),
  reads: ['timeline'],
  run: async (db: TenantDb, { type, stream, from, to, order, limit: most, cursor: at }) => {
    const { write, read } = cursors([type, stream, from, to, order], ['text']);
    const query = db.from<TimelineRow>('timeline');
    if (type !== undefined) void query.where({ type });
    if (stream !== undefined) void query.where({ stream });
    if (from !== undefined) void query.where('recordedAt', '>=', from);
    if (to !== undefined) void query.where('recordedAt', '<', to);
    if (at !== undefined) void query.where('position', order === 'newest' ? '<' : '>', String(read(at)[0]));
    const rows = await query.orderBy('position', order === 'newest' ? 'desc' : 'asc').limit(most + 1);
    return pageOf(rows, most, timelineItemOf, (row) => write([row.position]));
  },
});

/** The queries of audit. */
export function auditQueries(ports: QueryPorts): readonly Query<TenantDb>[] {
  return [listEvents, explainRow(ports)];
}
