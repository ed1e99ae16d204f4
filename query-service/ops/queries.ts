import { z } from 'zod';
import type { TenantDb } from '@daybook/infra/runtime/query-database.ts';
import { defineQuery, type Query } from '@daybook/kernel/query.ts';
import { members } from '../shared/access.ts';

const plan = z.strictObject({
  id: z.string(),
  title: z.string(),
  tasks: z.array(z.strictObject({ id: z.string(), title: z.string() })),
  created_at: z.string(),
});

type PlanRow = Readonly<{
  planId: string;
  title: string;
  tasks: readonly Readonly<{ taskId: string; title: string }>[];
  createdAt: string;
}>;

/** TEN-5. Path and field names are a frozen contract. */
const listPlans: Query<TenantDb> = defineQuery({
  name: 'listPlans',
  summary: 'The plans of the tenant.',
  access: members,
  path: '/v1/tenants/{id}/plans',
  input: z.strictObject({ id: z.string().max(100) }),
  output: z.strictObject({ items: z.array(plan), count: z.int() }),
  reads: ['plans'],
  run: async (db: TenantDb, { id }, { tenantId }) => {
    if (id !== tenantId) return null;
    const rows = await db.from<PlanRow>('plans').orderBy(['createdAt', 'planId']).limit(1_000);
    return { items: rows.map(planOf), count: rows.length };
  },
});

function planOf({ planId, title, tasks, createdAt }: PlanRow): z.output<typeof plan> {
  return {
    id: planId,
    title,
    tasks: tasks.map((task) => ({ id: task.taskId, title: task.title })),
    created_at: createdAt,
  };
}

/** The queries of ops. */
export const opsQueries: readonly Query<TenantDb>[] = [listPlans];
