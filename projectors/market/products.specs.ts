import type { ProjectionSpec } from '@daybook/kernel/specification.ts';

const productId = 'product-1';
const start = '2026-01-01T00:00:00.000Z';

const tracked = {
  type: 'ProductTracked',
  at: start,
  data: {
    productId,
    url: 'https://shop.example/kettle',
    host: 'shop.example',
    name: null,
    source: 'page',
    tags: ['kitchen'],
    group: null,
    schedule: { cron: '0 6 * * *', timeZone: 'UTC' },
  },
};

const row = {
  productId,
  url: 'https://shop.example/kettle',
  host: 'shop.example',
  source: 'page',
  status: 'active',
  name: null,
  title: null,
  label: 'https://shop.example/kettle',
  tags: ['kitchen'],
  group: null,
  cron: '0 6 * * *',
  timeZone: 'UTC',
  trackedAt: start,
  availability: null,
  seller: null,
  lastCheckedAt: null,
  lastOutcome: null,
  lastProblem: null,
  checkCount: 0,
  failureCount: 0,
  amountMinor: null,
  currency: null,
  priceCount: 0,
  lowMinor: null,
  highMinor: null,
  averageMinor: null,
  recentMinor: [],
  changePercent: 0,
  changedAt: null,
};

const observed = (observedAt: string, amountMinor: number, more: object = {}) => ({
  type: 'PriceObserved',
  data: {
    productId,
    observationId: `observation at ${observedAt}`,
    requestId: 'request-1',
    price: { amountMinor, currency: 'EUR' },
    availability: 'inStock',
    seller: 'Kettles Ltd',
    title: 'Kettle 1.7 l',
    method: 'jsonLd',
    extractorVersion: 1,
    snapshotHash: 'ab',
    observedAt,
    ...more,
  },
});

const failed = (observedAt: string) => ({
  type: 'CheckFailed',
  data: {
    productId,
    observationId: `failure at ${observedAt}`,
    requestId: 'request-2',
    outcome: 'blocked',
    detail: 'The shop answered 403.',
    status: 403,
    snapshotHash: null,
    observedAt,
  },
});

const on = (type: string, data: object = {}) => ({ type, data: { productId, ...data } });

const first = '2026-01-01T06:00:00.000Z';
const second = '2026-01-02T06:00:00.000Z';
const third = '2026-01-03T06:00:00.000Z';

const afterFirst = {
  ...row,
  title: 'Kettle 1.7 l',
  label: 'Kettle 1.7 l',
  availability: 'inStock',
  seller: 'Kettles Ltd',
  lastCheckedAt: first,
  lastOutcome: 'price',
  checkCount: 1,
  amountMinor: 4_000,
  currency: 'EUR',
  priceCount: 1,
  lowMinor: 4_000,
  highMinor: 4_000,
  averageMinor: 4_000,
  recentMinor: [4_000],
};

export const productsSpecs: readonly ProjectionSpec[] = [
  { name: 'a tracked product waits for its first price', given: [tracked], then: [row] },
  {
    name: 'the first price is low, high and average at once',
    given: [tracked, observed(first, 4_000)],
    then: [afterFirst],
  },
  {
    name: 'a new price moves the figures and is a change',
    given: [tracked, observed(first, 4_000), observed(second, 5_000)],
    then: [
      {
        ...afterFirst,
        lastCheckedAt: second,
        checkCount: 2,
        amountMinor: 5_000,
        priceCount: 2,
        highMinor: 5_000,
        averageMinor: 4_500,
        recentMinor: [4_000, 5_000],
        changePercent: 25,
        changedAt: second,
      },
    ],
  },
  {
    name: 'the same price again is no change: the last one stays in sight',
    given: [tracked, observed(first, 4_000), observed(second, 3_000), observed(third, 3_000)],
    then: [
      {
        ...afterFirst,
        lastCheckedAt: third,
        checkCount: 3,
        amountMinor: 3_000,
        priceCount: 3,
        lowMinor: 3_000,
        averageMinor: 3_333.3333333333335,
        recentMinor: [4_000, 3_000, 3_000],
        changePercent: -25,
        changedAt: second,
      },
    ],
  },
  {
    name: 'another currency begins the figures anew',
    given: [
      tracked,
      observed(first, 4_000),
      observed(second, 450, { price: { amountMinor: 450, currency: 'USD' }, title: null }),
    ],
    then: [
      {
        ...afterFirst,
        lastCheckedAt: second,
        checkCount: 2,
        amountMinor: 450,
        currency: 'USD',
        lowMinor: 450,
        highMinor: 450,
        averageMinor: 450,
        recentMinor: [450],
      },
    ],
  },
  {
    name: 'a price of nothing has no percentage',
    given: [tracked, observed(first, 0), observed(second, 100)],
    then: [
      {
        ...afterFirst,
        lastCheckedAt: second,
        checkCount: 2,
        amountMinor: 100,
        priceCount: 2,
        lowMinor: 0,
        highMinor: 100,
        averageMinor: 50,
        recentMinor: [0, 100],
        changedAt: second,
      },
    ],
  },
  {
    name: 'a failed check says why, and the last price stays',
    given: [tracked, observed(first, 4_000), failed(second)],
    then: [
      {
        ...afterFirst,
        lastCheckedAt: second,
        lastOutcome: 'blocked',
        lastProblem: 'The shop answered 403.',
        checkCount: 2,
        failureCount: 1,
      },
    ],
  },
  {
    name: 'a price ends the problem',
    given: [tracked, failed(first), observed(second, 4_000)],
    then: [{ ...afterFirst, lastCheckedAt: second, checkCount: 2, failureCount: 1 }],
  },
  {
    name: 'what arrives late counts as a check and changes nothing newer',
    given: [tracked, observed(second, 4_000), failed(first), observed(first, 9_000)],
    then: [{ ...afterFirst, lastCheckedAt: second, checkCount: 3, failureCount: 1 }],
  },
  {
    name: 'settings follow their changes',
    given: [
      tracked,
      on('ProductRenamed', { name: 'Kettle' }),
      on('ProductTagged', { tags: ['a', 'b'] }),
      on('ProductGrouped', { group: 'kettles' }),
      on('CheckScheduleChanged', { schedule: { cron: '0 * * * *', timeZone: 'Europe/Berlin' } }),
      on('ProductPaused'),
    ],
    then: [
      {
        ...row,
        name: 'Kettle',
        label: 'Kettle',
        tags: ['a', 'b'],
        group: 'kettles',
        cron: '0 * * * *',
        timeZone: 'Europe/Berlin',
        status: 'paused',
      },
    ],
  },
  {
    name: 'a resumed product is active',
    given: [tracked, on('ProductPaused'), on('ProductResumed')],
    then: [row],
  },
  {
    name: 'a stopped product stays with its history',
    given: [tracked, observed(first, 4_000), on('ProductStopped')],
    then: [{ ...afterFirst, status: 'stopped' }],
  },
  {
    name: 'a product that is tracked again goes on with its history',
    given: [tracked, observed(first, 4_000), on('ProductStopped'), { ...tracked, at: second }],
    then: [{ ...afterFirst, trackedAt: second }],
  },
  { name: 'a product that nobody tracked has no row', given: [observed(first, 4_000)], then: [] },
];
