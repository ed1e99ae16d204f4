import { z } from 'zod';
import { cursors, pageOf } from '@daybook/infra/http/cursor.ts';
import {
  parkedById,
  parkedKinds,
  parkedOf,
  parkedPage,
  type ParkedKind,
  type ParkedRow,
} from '@daybook/infra/parking/parked.ts';
import type { TenantDb } from '@daybook/infra/runtime/query-database.ts';
import { defineQuery, type Query } from '@daybook/kernel/query.ts';
import { admins } from '../shared/access.ts';
import { cursor, limit, page } from '../shared/lists.ts';
import { closedItem, detailOf, openItem, parkedDetail, parkedItem, type DecisionRow } from './parked-view.ts';

type Item = z.output<typeof parkedItem>;

const listParked: Query<TenantDb> = defineQuery({
  name: 'listParked',
  summary: 'What cannot go on until somebody acts, of the tenant; longest parked first.',
  access: admins,
  path: '/v1/operations/parked',
  input: z.strictObject({
    status: z
      .enum(['open', 'closed'])
      .default('open')
      .meta({ description: '`closed`: what was decided about and is parked no longer, newest first.' }),
    consumer: z.string().max(200).optional().meta({ description: 'Such as `products.v3`.' }),
    kind: z.enum(parkedKinds).optional(),
    limit: limit(50, 200),
    cursor,
  }),
  output: page(parkedItem),
  reads: ['parkedDecisions'],
  run: async (db: TenantDb, { status, consumer, kind, limit: most, cursor: at }) => {
    const { write, read } = cursors([status, consumer, kind], ['instant', 'text']);
    const after = at === undefined ? undefined : read(at).map(String);
    const filter = {
      ...(consumer === undefined ? {} : { consumer }),
      ...(kind === undefined ? {} : { kind }),
    };
    const rows =
      status === 'open'
        ? await openItems(db, filter, most, after)
        : await closedItems(db, filter, most, after);
    return pageOf<Item, Item>(
      rows,
      most,
      (row) => row,
      (row) => write([status === 'open' ? row.firstFailedAt : String(row.decision?.at), row.parkedId]),
    );
  },
});

const getParked: Query<TenantDb> = defineQuery({
  name: 'getParked',
  summary: 'One thing that is parked, or was: what happened, what waits behind it, what to do.',
  access: admins,
  path: '/v1/operations/parked/{parkedId}',
  input: z.strictObject({ parkedId: z.string().max(100) }),
  output: parkedDetail,
  reads: ['parkedDecisions'],
  run: async (db: TenantDb, { parkedId }) => {
    const { text, values } = parkedById('operations.parked', parkedId);
    const [open] = await db.sql<ParkedRow>(text, values);
    const decided = await db.find<DecisionRow>('parkedDecisions', 'parkedId', parkedId);
    if (open !== undefined) return detailOf(openItem(parkedOf(open), decided));
    return decided === undefined ? null : detailOf(closedItem(decided));
  },
});

type Filter = Readonly<{ consumer?: string; kind?: ParkedKind }>;

async function openItems(
  db: TenantDb,
  filter: Filter,
  most: number,
  after: readonly string[] | undefined,
): Promise<readonly Item[]> {
  const [firstFailedAt, parkedId] = after ?? [];
  const { text, values } = parkedPage('operations.parked', filter, {
    limit: most + 1,
    ...(firstFailedAt === undefined || parkedId === undefined ? {} : { after: { firstFailedAt, parkedId } }),
  });
  const rows = await db.sql<ParkedRow>(text, values);
  const decided = await db.from<DecisionRow>('parkedDecisions').whereIn(
    'parkedId',
    rows.map((row) => row.parkedId),
  );
  const byId = new Map(decided.map((row) => [row.parkedId, row]));
  return rows.map((row) => openItem(parkedOf(row), byId.get(row.parkedId)));
}

/** Decided about, and not in the list of what is parked. */
async function closedItems(
  db: TenantDb,
  { consumer, kind }: Filter,
  most: number,
  after: readonly string[] | undefined,
): Promise<readonly Item[]> {
  const rows = await db.sql<DecisionRow>(
    `select d.* from read.parked_decisions d
     where d.tenant_id = current_setting('app.tenant', true)
       and not exists (select from operations.parked p where p.parked_id = d.parked_id)
       and ($1::text is null or d.consumer = $1) and ($2::text is null or d.kind = $2)
       and ($3::timestamptz is null or (d.decided_at, d.parked_id) < ($3::timestamptz, $4::text))
     order by d.decided_at desc, d.parked_id desc limit $5`,
    [consumer ?? null, kind ?? null, after?.[0] ?? null, after?.[1] ?? null, most + 1],
  );
  return rows.map(closedItem);
}

/** The queries of operations. */
export const operationsQueries: readonly Query<TenantDb>[] = [listParked, getParked];
