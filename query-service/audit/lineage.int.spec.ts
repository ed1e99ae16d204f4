import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { memoryWakeups } from '@daybook/infra/database/wakeups.ts';
import { contractStore } from '@daybook/infra/event-store/contract-store.ts';
import { postgresEventStore } from '@daybook/infra/event-store/postgres.ts';
import type { Explained, Explanation } from '@daybook/infra/lineage/explanation.ts';
import { printKey } from '@daybook/infra/lineage/row-key.ts';
import type { Lineage } from '@daybook/infra/lineage/lineage.ts';
import { ensureCheckpoints, projectionConsumer } from '@daybook/infra/runtime/checkpoints.ts';
import { projectFromStore } from '@daybook/infra/runtime/project-from-store.ts';
import { openQueryDatabase, type QueryDatabase } from '@daybook/infra/runtime/query-database.ts';
import { ensureReadModel, showReadModel } from '@daybook/infra/runtime/read-models.ts';
import { memoryVault } from '@daybook/infra/vault/memory.ts';
import type { Role } from '@daybook/kernel/command.ts';
import { beginning, type NewEvent, type StreamName } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { AnyProjection, Row } from '@daybook/kernel/projection.ts';
import { allProjections } from '@daybook/projectors/capabilities.ts';
import { allProcesses } from '@daybook/sagas/capabilities.ts';
import { goldenStreams } from '@daybook/test/golden/golden.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { explainRow } from './lineage.ts';
import { lineageOver } from './lineage-log.ts';

/** The golden streams, once for each of two tenants: every event there is, and rows of every read model. */
const tenants = ['ours', 'theirs'] as const;
type Tenant = (typeof tenants)[number];

let opened: Awaited<ReturnType<typeof freshDatabase>>;
let eventStore: EventStore;
let queries: QueryDatabase;
let lineage: Lineage;

beforeAll(async () => {
  opened = await freshDatabase();
  const { database, url } = opened;
  const wakeups = memoryWakeups();
  eventStore = contractStore(postgresEventStore({ database, wakeups, log: silentLog }), memoryVault());
  for (const tenantId of tenants) {
    for (const golden of goldenStreams()) await record(tenantId, golden);
  }
  const signal = new AbortController().signal;
  const partitionOf = (): Promise<number> => Promise.resolve(0);
  for (const projection of allProjections) {
    await ensureReadModel(database, projection);
    await ensureCheckpoints(database.pool, projectionConsumer(projection), 1, beginning);
    await projectFromStore({ projection, eventStore, database, partitionOf, signal });
    await showReadModel(database, projection);
  }
  queries = openQueryDatabase({ url, log: silentLog, poolSize: 4 });
  const models = { projections: allProjections, processes: allProcesses };
  lineage = lineageOver({ models, eventStore, database, readModels: queries });
}, 60_000);

afterAll(async () => {
  await queries.close();
  await eventStore.close();
  await opened.drop();
});

/** Ids of things differ from tenant to tenant, as they do in life. */
async function record(tenantId: Tenant, golden: ReturnType<typeof goldenStreams>[number]): Promise<void> {
  const id = golden.stream.slice(golden.stream.indexOf('-') + 1);
  const own = (text: string): string => text.replaceAll(id, `${id}-${tenantId}`);
  const events = golden.stored.map(({ type, schemaVersion, data }, index): NewEvent => ({
    id: crypto.randomUUID(),
    type,
    data: JSON.parse(own(JSON.stringify(data))) as object,
    metadata: {
      schemaVersion,
      tenantId,
      actor: { kind: 'user', id: 'ada' },
      command: 'Record',
      commandId: `command of ${golden.stream} ${String(index)}`,
      correlationId: `${golden.stream} of ${tenantId}`,
    },
  }));
  for (const event of events) await eventStore.append(own(golden.stream) as StreamName, 'any', [event]);
}

const rowsOf = (tenantId: Tenant, projection: AnyProjection): Promise<Row[]> =>
  Promise.resolve(queries.forTenant(tenantId).from<Row>(projection.name));

function explained(answer: Explained): Explanation {
  if (answer.is !== 'explained') throw new Error(JSON.stringify(answer));
  return answer.explanation;
}

describe.each(allProjections)('$name', (projection) => {
  const ask = (tenantId: Tenant, row: Row, more: { column?: string; most?: number } = {}) =>
    lineage.explain({ tenantId, readModel: projection.name, key: printKey(projection, row), ...more });

  test('every row is what its events say, and each of its values goes back to one of them', async () => {
    const rows = await rowsOf('ours', projection);
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows) {
      const explanation = explained(await ask('ours', row, { most: 100 }));
      expect(explanation).toMatchObject({ differs: [], complete: true, column: null });
      expect(explanation.total).toBe(explanation.events.length);
      const positions = explanation.events.map(({ position }) => position);
      expect(positions).toEqual([...positions].sort().reverse());
      for (const [column, value] of Object.entries(row)) {
        if (value !== null) expect(positions).toContain(explanation.lastChanged[column]);
      }
      for (const { causes } of explanation.events) {
        expect(causes.map(({ kind }) => kind)).toEqual(['command', 'request']);
      }
    }
  });

  test('a column is explained by the events that changed it, the last of them first', async () => {
    for (const row of await rowsOf('ours', projection)) {
      for (const column of Object.keys(projection.table.columns)) {
        const explanation = explained(await ask('ours', row, { column }));
        expect(explanation.events[0]?.position).toBe(explanation.lastChanged[column]);
        for (const { changes } of explanation.events) {
          expect(changes.map((change) => change.column)).toContain(column);
        }
      }
    }
  });

  test('what another tenant alone has does not exist', async () => {
    const own = new Set((await rowsOf('theirs', projection)).map((row) => printKey(projection, row)));
    const foreign = (await rowsOf('ours', projection)).filter((row) => !own.has(printKey(projection, row)));
    for (const row of foreign) expect(await ask('theirs', row)).toEqual({ is: 'nothing' });
    for (const key of own) {
      const readModel = projection.name;
      const explanation = explained(await lineage.explain({ tenantId: 'theirs', readModel, key, most: 100 }));
      for (const { request } of explanation.events) expect(request.correlationId).toMatch(/ of theirs$/);
    }
  });

  test('sealed values stay sealed', async () => {
    for (const row of await rowsOf('ours', projection)) {
      expect(JSON.stringify(await ask('ours', row))).not.toContain('sealed:v');
    }
  });
});

test('a sealed value shows that it is there', async () => {
  const [row] = await queries.forTenant('ours').from<Row>('timeline').where({ type: 'UserRegistered' });
  const answer = await lineage.explain({
    tenantId: 'ours',
    readModel: 'timeline',
    key: String(row?.['position']),
  });
  expect(row?.['data']).toMatchObject({ email: expect.stringContaining('sealed:') });
  expect(explained(answer).row).toMatchObject({ data: { email: '[sealed]' } });
});

describe('the query', () => {
  const ask = async (parameters: Record<string, string>, role: Role = 'owner'): Promise<unknown> => {
    const tenantId = 'ours';
    const query = explainRow({ lineage, readModels: allProjections.map(({ name }) => name) });
    const input = await query.input['~standard'].validate(parameters);
    if (input.issues !== undefined) throw new Error(JSON.stringify(input.issues));
    const context = { tenantId, actor: { kind: 'user', id: 'ada' }, role, now: '' } as const;
    return query.run(queries.forTenant(tenantId), input.value, context);
  };

  test('answers within its schema, and nothing for what is not there', async () => {
    const [row] = await rowsOf('ours', allProjections[0] as AnyProjection);
    const answer = await ask({
      readModel: 'products',
      key: String(row?.['productId']),
      column: 'amountMinor',
    });
    expect(answer).toMatchObject({ readModel: 'products', column: 'amountMinor', differs: [] });
    expect(await ask({ readModel: 'products', key: 'nobody’s' })).toBeNull();
    expect(await ask({ readModel: 'timeline', key: 'no position' })).toBeNull();
    expect(await ask({ readModel: 'dailyChecks', key: 'no day' })).toBeNull();
  });

  test.each<[Role, boolean]>([
    ['owner', true],
    ['admin', true],
    ['manager', false],
    ['analyst', false],
    ['auditor', false],
  ])('shows an %s what was decided about parked things: %s', async (role, shown) => {
    const projection = allProjections.find(({ name }) => name === 'parkedDecisions') as AnyProjection;
    const [row] = await rowsOf('ours', projection);
    const asked = ask({ readModel: 'parkedDecisions', key: String(row?.['parkedId']) }, role);
    if (shown)
      expect(await asked).toMatchObject({ readModel: 'parkedDecisions', row: { reason: row?.['reason'] } });
    else await expect(asked).rejects.toMatchObject({ problem: { status: 403, code: 'forbidden' } });
    expect(await ask({ readModel: 'products', key: 'nobody’s' }, role)).toBeNull();
  });

  test.each([
    [{ readModel: 'cups', key: '1' }, 404, 'not-found', 'Known: products, prices'],
    [{ readModel: '__proto__', key: '1' }, 404, 'not-found', 'Known: products, prices'],
    [{ readModel: 'prices', key: '1' }, 400, 'input-invalid', 'productId,observationId'],
    [{ readModel: 'products', key: '1', column: 'colour' }, 400, 'input-invalid', 'amountMinor'],
  ])('%j is refused with %i', async (parameters, status, code, told) => {
    const problem = await ask(parameters as Record<string, string>).catch((error: unknown) => error);
    expect(problem).toMatchObject({ problem: { status, code } });
    expect(JSON.stringify((problem as { problem: unknown }).problem)).toContain(told);
  });
});
