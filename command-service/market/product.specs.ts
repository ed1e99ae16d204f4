import type { DeciderSpec } from '@daybook/kernel/specification.ts';
import type { ProductCommand, ProductEvent, ProductRejection } from './product.ts';

const productId = '0e8d6b1f-6c69-5a4e-9a6e-0a3f1c2b4d5e';
const observedAt = '2026-01-01T06:00:00.000Z';

const data = {
  productId,
  url: 'https://shop.example/kettle',
  host: 'shop.example',
  name: 'Kettle',
  source: 'page',
  tags: ['kitchen'],
  group: null,
  schedule: { cron: '0 6 * * *', timeZone: 'Europe/Berlin' },
} as const;

const track: ProductCommand = { type: 'TrackProduct', data, sourceEnabled: true };
const tracked: ProductEvent = { type: 'ProductTracked', data };
const paused: ProductEvent = { type: 'ProductPaused', data: { productId } };
const resumed: ProductEvent = { type: 'ProductResumed', data: { productId } };
const stopped: ProductEvent = { type: 'ProductStopped', data: { productId } };
const requested: ProductEvent = { type: 'CheckRequested', data: { productId, requestId: 'request-1' } };

const price = {
  productId,
  observationId: 'observation-1',
  requestId: 'request-1',
  price: { amountMinor: 4_990, currency: 'EUR' },
  availability: 'inStock',
  seller: null,
  title: 'Kettle 1.7 l',
  method: 'jsonLd',
  extractorVersion: 1,
  snapshotHash: 'ab',
  observedAt,
} as const;
const observed: ProductEvent = { type: 'PriceObserved', data: price };

const failure = {
  productId,
  observationId: 'observation-2',
  requestId: 'request-2',
  outcome: 'blocked',
  detail: 'The shop answered 403.',
  status: 403,
  snapshotHash: null,
  extractorVersion: 2,
  observedAt,
} as const;
const failed: ProductEvent = { type: 'CheckFailed', data: failure };

const newSchedule = { cron: '0 * * * *', timeZone: 'UTC' };

export const productSpecs: readonly DeciderSpec<ProductCommand, ProductEvent, ProductRejection>[] = [
  { name: 'a product is tracked', given: [], when: track, then: [tracked] },
  {
    name: 'a product is tracked once; the answer names the first',
    given: [tracked],
    when: track,
    then: { rejected: 'already-tracked' },
  },
  {
    name: 'a paused product is tracked already',
    given: [tracked, paused],
    when: track,
    then: { rejected: 'already-tracked' },
  },
  {
    name: 'a stopped product is tracked again on its own history',
    given: [tracked, observed, stopped],
    when: track,
    then: [tracked],
  },
  {
    name: 'a product of a source that is off is refused',
    given: [],
    when: { ...track, sourceEnabled: false },
    then: { rejected: 'source-off' },
  },
  {
    name: 'everything may be changed at once',
    given: [tracked],
    when: {
      type: 'ChangeProduct',
      changes: { name: null, tags: [], group: 'kettles', schedule: newSchedule },
    },
    then: [
      { type: 'ProductRenamed', data: { productId, name: null } },
      { type: 'ProductTagged', data: { productId, tags: [] } },
      { type: 'ProductGrouped', data: { productId, group: 'kettles' } },
      { type: 'CheckScheduleChanged', data: { productId, schedule: newSchedule } },
    ],
  },
  {
    name: 'a change to what is there already is none',
    given: [tracked],
    when: {
      type: 'ChangeProduct',
      changes: { name: 'Kettle', tags: ['kitchen'], group: null, schedule: data.schedule },
    },
    then: 'nothing',
  },
  {
    name: 'what is not given stays',
    given: [tracked],
    when: { type: 'ChangeProduct', changes: { group: 'kettles' } },
    then: [{ type: 'ProductGrouped', data: { productId, group: 'kettles' } }],
  },
  { name: 'a product is paused', given: [tracked], when: { type: 'PauseProduct' }, then: [paused] },
  {
    name: 'a paused product stays paused',
    given: [tracked, paused],
    when: { type: 'PauseProduct' },
    then: 'nothing',
  },
  {
    name: 'a paused product is resumed',
    given: [tracked, paused],
    when: { type: 'ResumeProduct' },
    then: [resumed],
  },
  { name: 'an active product goes on', given: [tracked], when: { type: 'ResumeProduct' }, then: 'nothing' },
  { name: 'a product is stopped', given: [tracked], when: { type: 'StopProduct' }, then: [stopped] },
  {
    name: 'a stopped product stays stopped',
    given: [tracked, stopped],
    when: { type: 'StopProduct' },
    then: 'nothing',
  },
  {
    name: 'a check is asked for',
    given: [tracked],
    when: { type: 'CheckProduct', requestId: 'request-1' },
    then: [requested],
  },
  {
    name: 'a request is recorded once',
    given: [tracked, requested],
    when: { type: 'CheckProduct', requestId: 'request-1' },
    then: 'nothing',
  },
  {
    name: 'a paused product may be checked by hand',
    given: [tracked, paused],
    when: { type: 'CheckProduct', requestId: 'request-1' },
    then: [requested],
  },
  {
    name: 'a price is recorded',
    given: [tracked, requested],
    when: { type: 'RecordPriceObservation', data: price },
    then: [observed],
  },
  {
    name: 'an observation is recorded once, also after others',
    given: [tracked, observed, failed],
    when: { type: 'RecordPriceObservation', data: price },
    then: 'nothing',
  },
  {
    name: 'a failed check is recorded',
    given: [tracked],
    when: { type: 'RecordCheckFailure', data: failure },
    then: [failed],
  },
  {
    name: 'a failed check is recorded once',
    given: [tracked, failed],
    when: { type: 'RecordCheckFailure', data: failure },
    then: 'nothing',
  },
  {
    name: 'what was observed before the product was stopped is recorded after it',
    given: [tracked, stopped],
    when: { type: 'RecordPriceObservation', data: price },
    then: [observed],
  },
  ...(['PauseProduct', 'ResumeProduct', 'StopProduct'] as const).map((type) => ({
    name: `${type} wants a product`,
    given: [],
    when: { type },
    then: { rejected: 'product-unknown' } as const,
  })),
  {
    name: 'an observation wants a product',
    given: [],
    when: { type: 'RecordPriceObservation', data: price },
    then: { rejected: 'product-unknown' },
  },
  ...(['PauseProduct', 'ResumeProduct'] as const).map((type) => ({
    name: `${type} wants a product that is tracked`,
    given: [tracked, stopped],
    when: { type },
    then: { rejected: 'product-stopped' } as const,
  })),
  {
    name: 'a stopped product is not checked',
    given: [tracked, stopped],
    when: { type: 'CheckProduct', requestId: 'request-1' },
    then: { rejected: 'product-stopped' },
  },
  {
    name: 'a stopped product is not changed',
    given: [tracked, stopped],
    when: { type: 'ChangeProduct', changes: { name: 'Pot' } },
    then: { rejected: 'product-stopped' },
  },
  {
    name: 'later changes are changes to what earlier ones left',
    given: [
      tracked,
      { type: 'ProductRenamed', data: { productId, name: 'Pot' } },
      { type: 'ProductTagged', data: { productId, tags: ['b'] } },
      { type: 'ProductGrouped', data: { productId, group: 'pots' } },
      { type: 'CheckScheduleChanged', data: { productId, schedule: newSchedule } },
      paused,
      resumed,
    ],
    when: {
      type: 'ChangeProduct',
      changes: { name: 'Pot', tags: ['b'], group: 'pots', schedule: newSchedule },
    },
    then: 'nothing',
  },
];
