import type { Effect } from '@daybook/kernel/process.ts';
import type { ProcessSpec } from '@daybook/kernel/specification.ts';

const productId = 'product-1';
const data = {
  productId,
  url: 'https://shop.example/kettle',
  host: 'shop.example',
  name: null,
  source: 'page',
  tags: [],
  group: null,
  schedule: { cron: '0 6 * * *', timeZone: 'Europe/Berlin' },
};
const tracked = { type: 'ProductTracked', id: 'event-1', data };
const on = (type: string, more: object = {}) => ({ type, data: { productId, ...more } });
const due = { timer: 'check', at: '2026-01-02T05:07:00.000Z' };
const hourly = { cron: '0 * * * *', timeZone: 'UTC' };

const scrape = (requestId: string): Effect => ({
  kind: 'publish',
  topic: 'daybook.scrape-requests.v1',
  key: 'spec-tenant shop.example',
  message: {
    type: 'ScrapeRequested',
    data: { requestId, productId, url: 'https://shop.example/kettle', source: 'page' },
  },
});
const wake = (schedule: Readonly<{ cron: string; timeZone: string }>): Effect => ({
  kind: 'wake',
  timer: 'check',
  when: { ...schedule, spreadMs: 1_800_000 },
});

export const priceChecksSpecs: readonly ProcessSpec[] = [
  {
    name: 'a tracked product is checked at once and then on its schedule',
    given: [],
    when: tracked,
    then: [scrape('event-1'), wake(data.schedule)],
  },
  {
    name: 'each time that comes asks for a check and waits for the next',
    given: [tracked],
    when: due,
    then: [scrape('timer-check-2026-01-02T05:07:00.000Z'), wake(data.schedule)],
  },
  {
    name: 'a check that somebody asks for comes at once',
    given: [tracked],
    when: on('CheckRequested', { requestId: 'request-1' }),
    then: [scrape('request-1')],
  },
  {
    name: 'a new schedule replaces the time waited for',
    given: [tracked],
    when: on('CheckScheduleChanged', { schedule: hourly }),
    then: [wake(hourly)],
  },
  {
    name: 'a paused product is not waited for',
    given: [tracked],
    when: on('ProductPaused'),
    then: [{ kind: 'cancelWake', timer: 'check' }],
  },
  {
    name: 'a new schedule of a paused product waits until it is resumed',
    given: [tracked, on('ProductPaused')],
    when: on('CheckScheduleChanged', { schedule: hourly }),
    then: [],
  },
  {
    name: 'a resumed product goes on with the schedule it has by then',
    given: [tracked, on('ProductPaused'), on('CheckScheduleChanged', { schedule: hourly })],
    when: on('ProductResumed'),
    then: [wake(hourly)],
  },
  {
    name: 'a paused product is checked when somebody asks',
    given: [tracked, on('ProductPaused')],
    when: on('CheckRequested', { requestId: 'request-1' }),
    then: [scrape('request-1')],
  },
  {
    name: 'a stopped product is forgotten',
    given: [tracked],
    when: on('ProductStopped'),
    then: [{ kind: 'finish' }],
  },
  { name: 'nothing comes due after the stop', given: [tracked, on('ProductStopped')], when: due, then: [] },
  {
    name: 'a product that is tracked again begins anew',
    given: [tracked, on('ProductPaused'), on('ProductStopped')],
    when: { ...tracked, id: 'event-9' },
    then: [scrape('event-9'), wake(data.schedule)],
  },
];
