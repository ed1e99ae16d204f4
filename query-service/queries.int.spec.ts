import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { later } from '@daybook/kernel/instant.ts';
import { recorded, type Given } from '@daybook/kernel/specification.ts';
import { allProjections } from '@daybook/projectors/capabilities.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { openReadModels, type ReadModels } from '@daybook/test/support/read-models.ts';
import { liveEvents } from './audit/streams.ts';
import { allQueries } from './capabilities.ts';

const now = '2026-01-10T12:00:00.000Z';
const dayMs = 86_400_000;

const shops = ['alpha.example', 'beta.example', 'gamma.example'] as const;

function tracked(n: number, more: object = {}): Given {
  const host = shops[n % 3] ?? '';
  return {
    type: 'ProductTracked',
    at: later('2026-01-01T00:00:00.000Z', n * 1_000),
    stream: `product-p${String(n)}`,
    data: {
      productId: `p${String(n)}`,
      url: `https://${host}/${String(n)}`,
      host,
      name: `Product ${String(9 - n)}`,
      source: n === 0 ? 'shopify' : 'page',
      tags: n % 2 === 0 ? ['even', 'all'] : ['all'],
      group: n < 3 ? 'trio' : null,
      schedule: { cron: '0 6 * * *', timeZone: 'Europe/Berlin' },
      ...more,
    },
  };
}

function observed(n: number, observedAt: string, amountMinor: number, currency = 'EUR'): Given {
  return {
    type: 'PriceObserved',
    stream: `product-p${String(n)}`,
    data: {
      productId: `p${String(n)}`,
      observationId: `p${String(n)} at ${observedAt}`,
      requestId: 'request',
      price: { amountMinor, currency },
      availability: 'inStock',
      seller: n === 0 ? '=Formulas, "Inc"' : null,
      title: 'Title',
      method: 'jsonLd',
      extractorVersion: 1,
      snapshotHash: 'ab',
      observedAt,
    },
  };
}

function failed(n: number, observedAt: string, outcome: string): Given {
  return {
    type: 'CheckFailed',
    stream: `product-p${String(n)}`,
    data: {
      productId: `p${String(n)}`,
      observationId: `p${String(n)} failed at ${observedAt}`,
      requestId: 'request',
      outcome,
      detail: 'In words.',
      status: 403,
      snapshotHash: null,
      extractorVersion: 1,
      observedAt,
    },
  };
}

const on = (n: number, type: string): Given => ({ type, data: { productId: `p${String(n)}` } });
const at = (days: number): string => later(now, -days * dayMs);

const history: readonly Given[] = [
  {
    type: 'UserRegistered',
    at: '2026-01-01T00:00:00.000Z',
    stream: 'user-ada',
    data: {
      userId: 'ada',
      tenantId: 'ours',
      email: 'sealed:v1:subject:ada:ZW1haWw',
      name: 'sealed:v1:subject:ada:bmFtZQ',
      role: 'owner',
    },
  },
  ...[0, 1, 2, 3, 4, 5].map((n) => tracked(n)),
  observed(0, at(3), 4_000),
  observed(0, at(2), 5_000),
  observed(0, at(1), 6_000),
  observed(1, at(2), 4_500),
  observed(1, at(1), 4_050),
  observed(2, at(1), 700, 'USD'),
  failed(3, at(1), 'blocked'),
  failed(4, at(1), 'captcha'),
  on(4, 'ProductPaused'),
  on(5, 'ProductStopped'),
  { type: 'SourceEnabled', data: { source: 'amazon' } },
  {
    type: 'PlanCreated',
    data: { planId: 'plan', title: 'Launch', tasks: [{ taskId: 't', title: 'Track' }] },
  },
];

let readModels: ReadModels;

beforeAll(async () => {
  readModels = await openReadModels(allProjections);
  const ours = history.map((event) => ({ ...event, metadata: { tenantId: 'ours' } }));
  const theirs = [tracked(0, { name: 'Foreign', group: 'trio' }), observed(0, at(1), 1)].map((event) => ({
    ...event,
    metadata: { tenantId: 'theirs' },
  }));
  await readModels.project(recorded([...ours, ...theirs]));
});
afterAll(() => readModels.close());

type Item = Record<string, unknown>;

const queries = allQueries({
  lineage: { explain: () => Promise.resolve({ is: 'nothing' }) },
  readModels: [],
});

async function ask<T = Item>(
  name: string,
  parameters: Record<string, string> = {},
  tenantId = 'ours',
): Promise<T | null> {
  const query = queries.find((candidate) => candidate.name === name);
  const input = await query?.input['~standard'].validate(parameters);
  if (query === undefined || input === undefined || input.issues !== undefined) {
    throw new Error(JSON.stringify(input?.issues));
  }
  const context = { tenantId, actor: { kind: 'user', id: 'ada' }, role: 'owner', now } as const;
  const output = await query.run(readModels.queries.forTenant(tenantId), input.value, context);
  if (output !== null) {
    const checked = await query.output['~standard'].validate(output);
    expect(checked.issues).toBeUndefined();
  }
  return output as T | null;
}

type Page = Readonly<{ items: readonly Item[]; next: string | null }>;

async function ids(parameters: Record<string, string>): Promise<readonly unknown[]> {
  return (await ask<Page>('listProducts', parameters))?.items.map((item) => item['productId']) ?? [];
}

describe('market', () => {
  test('lists are filtered by status, source and tag; stopped products are asked for', async () => {
    expect(await ids({})).toEqual(['p4', 'p3', 'p2', 'p1', 'p0']);
    expect(await ids({ status: 'paused' })).toEqual(['p4']);
    expect(await ids({ status: 'stopped' })).toEqual(['p5']);
    expect(await ids({ source: 'shopify' })).toEqual(['p0']);
    expect(await ids({ tag: 'even' })).toEqual(['p4', 'p2', 'p0']);
    expect(await ids({ tag: "even' or true --" })).toEqual([]);
  });

  test.each(['trackedAt', '-trackedAt', 'name', '-name', 'changePercent', '-changePercent'])(
    'sorted by %s, pages give every product once and in order',
    async (sort) => {
      const whole = await ids({ sort });
      const seen: unknown[] = [];
      let cursor: string | null = '';
      while (cursor !== null) {
        const more: Record<string, string> = cursor === '' ? {} : { cursor };
        const page: Page | null = await ask<Page>('listProducts', { sort, limit: '2', ...more });
        seen.push(...(page?.items ?? []).map((item) => item['productId']));
        cursor = page?.next ?? null;
      }
      expect(seen).toEqual(whole);
      expect(new Set(seen).size).toBe(5);
    },
  );

  test('a cursor of another list is refused', async () => {
    const page = await ask<Page>('listProducts', { limit: '1' });
    await expect(
      ask('listProducts', { limit: '1', sort: 'name', cursor: page?.next ?? '' }),
    ).rejects.toThrow();
    await expect(ask('listProducts', { cursor: 'made-up' })).rejects.toThrow();
  });

  test.each(['trackedAt', 'changePercent'])('a cursor made up for a list by %s is refused', async (sort) => {
    const page = await ask<Page>('listProducts', { sort, limit: '1' });
    const [mark] = JSON.parse(Buffer.from(page?.next ?? '', 'base64url').toString()) as unknown[];
    const cursor = Buffer.from(JSON.stringify([mark, 'x', 'y'])).toString('base64url');
    await expect(ask('listProducts', { sort, cursor })).rejects.toMatchObject({
      problem: { status: 400, code: 'input-invalid' },
    });
  });

  test('a product shows everything', async () => {
    expect(await ask('getProduct', { productId: 'p0' })).toEqual({
      productId: 'p0',
      name: 'Product 9',
      title: 'Title',
      url: 'https://alpha.example/0',
      source: 'shopify',
      status: 'active',
      tags: ['even', 'all'],
      group: 'trio',
      price: { amountMinor: 6_000, currency: 'EUR' },
      changePercent: 20,
      changedAt: at(1),
      availability: 'inStock',
      seller: '=Formulas, "Inc"',
      trackedAt: '2026-01-01T00:00:00.000Z',
      schedule: { cron: '0 6 * * *', timeZone: 'Europe/Berlin' },
      lastCheckedAt: at(1),
      lastOutcome: 'price',
      lastProblem: null,
      nextCheckAt: expect.stringMatching(/^2026-01-11T05:[012]\d:/),
      low: { amountMinor: 4_000, currency: 'EUR' },
      high: { amountMinor: 6_000, currency: 'EUR' },
      average: { amountMinor: 5_000, currency: 'EUR' },
      trend: { direction: 'up', percent: 33.33 },
      priceCount: 3,
      checkCount: 3,
      failureCount: 0,
    });
    expect(await ask('getProduct', { productId: 'p4' })).toMatchObject({
      status: 'paused',
      price: null,
      trend: null,
      nextCheckAt: null,
      lastOutcome: 'captcha',
      lastProblem: 'In words.',
    });
  });

  test('the price history comes newest first, within a time, page by page, and as CSV', async () => {
    const page = await ask<Page>('listPrices', { productId: 'p0', limit: '2' });
    expect(page?.items.map((item) => item['amountMinor'])).toEqual([6_000, 5_000]);
    const rest = await ask<Page>('listPrices', { productId: 'p0', limit: '2', cursor: page?.next ?? '' });
    expect(rest?.items.map((item) => item['amountMinor'])).toEqual([4_000]);
    const day = await ask<Page>('listPrices', { productId: 'p0', from: at(2), to: at(1) });
    expect(day?.items.map((item) => item['amountMinor'])).toEqual([5_000]);
    const csv = queries.find(({ name }) => name === 'listPrices')?.formats?.['text/csv'];
    expect(csv?.({ items: day?.items, next: null })).toBe(
      'observedAt,amountMinor,currency,availability,seller,method,extractorVersion,snapshotHash\r\n' +
        `${at(2)},5000,EUR,inStock,"'=Formulas, ""Inc""",jsonLd,1,ab\r\n`,
    );
    expect(await ask('listPrices', { productId: 'p3' })).toEqual({ items: [], next: null });
  });

  test('the overview counts, and shows moves, failing shops and days', async () => {
    const overview = await ask<Record<string, Item[]>>('marketOverview');
    expect(overview).toMatchObject({
      products: { active: 4, paused: 1, stopped: 1, withPrice: 3, failing: 2 },
      failingSources: [
        { source: 'page', host: 'alpha.example', products: 1, failing: 1, outcomes: ['blocked'] },
      ],
    });
    expect(overview?.['biggestMoves']?.map((item) => [item['productId'], item['changePercent']])).toEqual([
      ['p0', 20],
      ['p1', -10],
    ]);
    const days = overview?.['checksPerDay'];
    expect(days).toHaveLength(14);
    expect(days?.slice(-3)).toEqual([
      { day: '2026-01-08', prices: 2, failures: 0 },
      { day: '2026-01-09', prices: 3, failures: 2 },
      { day: '2026-01-10', prices: 0, failures: 0 },
    ]);
  });

  test('a group is compared by currency, cheapest first', async () => {
    const group = await ask<{ items: Item[] }>('compareGroup', { group: 'trio' });
    expect(group?.items.map((item) => [item['productId'], item['aboveCheapestPercent']])).toEqual([
      ['p1', 0],
      ['p0', 48.15],
      ['p2', 0],
    ]);
    expect(await ask('compareGroup', { group: 'nobody' })).toBeNull();
  });

  test('sources are as switched, else as they are at first', async () => {
    expect(await ask('listSources')).toEqual({
      items: [
        { source: 'amazon', enabled: true },
        { source: 'ebay', enabled: false },
        { source: 'shopify', enabled: true },
        { source: 'page', enabled: true },
      ],
    });
  });

  test('nothing of another tenant is seen', async () => {
    expect(await ids({ tag: 'all' })).toHaveLength(5);
    const foreign = await ask<Page>('listProducts', {}, 'theirs');
    expect(foreign?.items.map((item) => item['name'])).toEqual(['Foreign']);
    expect(await ask('getProduct', { productId: 'p1' }, 'theirs')).toBeNull();
    expect(await ask('listPrices', { productId: 'p1' }, 'theirs')).toBeNull();
    expect(await ask('marketOverview', {}, 'theirs')).toMatchObject({ products: { active: 1, paused: 0 } });
  });
});

describe('ops', () => {
  test('plans are listed for the tenant itself only', async () => {
    expect(await ask('listPlans', { id: 'ours' })).toEqual({
      items: [
        { id: 'plan', title: 'Launch', tasks: [{ id: 't', title: 'Track' }], created_at: expect.any(String) },
      ],
      count: 1,
    });
    expect(await ask('listPlans', { id: 'theirs' })).toBeNull();
    expect(await ask('listPlans', { id: 'theirs' }, 'theirs')).toEqual({ items: [], count: 0 });
  });
});

describe('audit', () => {
  test('the timeline shows what happened, newest first, and nothing sealed', async () => {
    const all = await ask<Page>('listEvents', { limit: '500' });
    expect(all?.items).toHaveLength(history.length);
    const [oldest] = (await ask<Page>('listEvents', { order: 'oldest', limit: '1' }))?.items ?? [];
    expect(oldest).toMatchObject({
      type: 'UserRegistered',
      stream: 'user-ada',
      actor: { kind: 'system', id: 'spec' },
      data: { userId: 'ada', email: '[sealed]', name: '[sealed]', role: 'owner' },
    });
  });

  test('it is filtered by type, stream and time, and read page by page', async () => {
    const types = async (parameters: Record<string, string>) =>
      (await ask<Page>('listEvents', parameters))?.items.map((item) => item['type']);
    expect(await types({ type: 'CheckFailed' })).toEqual(['CheckFailed', 'CheckFailed']);
    expect(await types({ stream: 'product-p2', order: 'oldest' })).toEqual([
      'ProductTracked',
      'PriceObserved',
    ]);
    expect(await types({ from: '2026-01-01T00:00:01.000Z', to: '2026-01-01T00:00:03.000Z' })).toEqual([
      'ProductTracked',
      'ProductTracked',
    ]);
    const page = await ask<Page>('listEvents', { limit: '3' });
    const next = await ask<Page>('listEvents', { limit: '3', cursor: page?.next ?? '' });
    const positions = [...(page?.items ?? []), ...(next?.items ?? [])].map((item) =>
      String(item['position']),
    );
    expect(positions).toEqual([...positions].sort().reverse());
    expect(new Set(positions).size).toBe(6);
  });

  test('live: resumes after an event, then tells what comes, of this tenant only', async () => {
    const stopping = new AbortController();
    const last = (await ask<Page>('listEvents', { limit: '2' }))?.items ?? [];
    const ports = { readModels: readModels.queries, wakeups: readModels.wakeups, pollMs: 60_000 };
    const asked = { type: undefined, after: String(last[1]?.['position']), tenantId: 'ours' };
    const events = liveEvents(ports, asked, stopping.signal);
    const first = await events.next();
    expect(first.value).toMatchObject({ id: last[0]?.['position'], data: { type: 'PlanCreated' } });

    const waiting = events.next();
    const position = '00000000000000009000';
    const [foreign, ours] = recorded([
      { ...on(0, 'ProductPaused'), metadata: { tenantId: 'theirs' } },
      { ...on(0, 'ProductPaused'), metadata: { tenantId: 'ours' } },
    ]);
    await readModels.project([
      { ...foreign, position: '00000000000000008999' } as never,
      { ...ours, position } as never,
    ]);
    expect((await waiting).value).toMatchObject({ id: position, data: { type: 'ProductPaused' } });

    const ended = events.next();
    stopping.abort();
    expect((await ended).done).toBe(true);
  });

  test('live: begins now where no event is named, of one type where asked', async () => {
    const stopping = new AbortController();
    const ports = { readModels: readModels.queries, wakeups: readModels.wakeups, pollMs: 60_000 };
    const asked = { type: 'ProductResumed', after: null, tenantId: 'theirs' };
    const [event] = recorded([{ ...on(0, 'ProductResumed'), metadata: { tenantId: 'theirs' } }]);
    let told: string | undefined;
    let position = 9_500;
    void liveEvents(ports, asked, stopping.signal)
      .next()
      .then(({ value }) => (told = (value as { id?: string } | undefined)?.id));
    // Where "now" is depends on when the stream looks first: an event after that comes at last.
    await eventually(async () => {
      position += 1;
      await readModels.project([{ ...event, position: String(position).padStart(20, '0') } as never]);
      expect(told).toMatch(/^0+9\d{3}$/);
    });
    stopping.abort();
  });
});
