import type { ProcessSpec } from '@daybook/kernel/specification.ts';

const what = {
  productId: 'product-1',
  observationId: 'observation-1',
  requestId: 'request-1',
  observedAt: '2026-01-01T06:00:00.000Z',
};
const found = {
  price: { amountMinor: 4_990, currency: 'EUR' },
  availability: 'inStock',
  seller: null,
  title: 'Kettle',
  method: 'jsonLd',
  extractorVersion: 1,
  snapshotHash: 'ab',
};
const seen = (data: object) => ({
  type: 'PriceObservation',
  data: { ...what, ...found, url: 'https://shop.example/kettle', detail: null, status: 200, ...data },
});
const recordsFailure = (input: object): ProcessSpec['then'] => [
  {
    kind: 'send',
    call: { command: 'RecordCheckFailure', input: { ...what, extractorVersion: 1, ...input } },
  },
  { kind: 'finish' },
];

export const priceRecordingSpecs: readonly ProcessSpec[] = [
  {
    name: 'a price is recorded',
    given: [],
    when: seen({ outcome: 'price' }),
    then: [
      { kind: 'send', call: { command: 'RecordPriceObservation', input: { ...what, ...found } } },
      { kind: 'finish' },
    ],
  },
  {
    name: 'a page without a price is recorded as such, never as a price',
    given: [],
    when: seen({
      outcome: 'captcha',
      price: null,
      method: null,
      snapshotHash: null,
      status: 403,
      detail: 'The shop asks for a captcha.',
    }),
    then: recordsFailure({
      outcome: 'captcha',
      detail: 'The shop asks for a captcha.',
      status: 403,
      snapshotHash: null,
    }),
  },
  {
    name: 'a price that does not say where it stood is none',
    given: [],
    when: seen({ outcome: 'price', method: null }),
    then: recordsFailure({
      outcome: 'noPrice',
      detail: 'The page shows no price.',
      status: 200,
      snapshotHash: 'ab',
    }),
  },
];
