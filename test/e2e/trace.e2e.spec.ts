import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { InMemorySpanExporter, type ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { startTogether, type RunningDaybook } from '@daybook/cli/composition.ts';
import { openShop, type RunningShop } from '@daybook/cli/demo/shop/shop.ts';
import { loadConfig } from '@daybook/infra/config/load.ts';
import { daybookSettings } from '@daybook/infra/config/settings.ts';
import { startTracing, type Tracing } from '@daybook/infra/telemetry/tracing.ts';
import { callerOf, must, signUp, type Person } from '../support/caller.ts';
import { eventually } from '../support/eventually.ts';
import { freshDatabase } from '../support/postgres.ts';
import { silentLog } from '../support/silent-log.ts';

/** All services in this process, so that their spans can be looked at. */
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const caller = '00f067aa0ba902b7';
const exporter = new InMemorySpanExporter();

let folder: string;
let shop: RunningShop;
let tracing: Tracing;
let database: Awaited<ReturnType<typeof freshDatabase>>;
let daybook: RunningDaybook;
let person: Person;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'daybook-trace-'));
  shop = await openShop({ seed: 7, stepMs: 1_000, leavesAfterMs: 1e9, slowMs: 50, elapsedMs: () => 0 });
  database = await freshDatabase();
  tracing = await startTracing({ serviceName: 'daybook', exporter });
  const config = loadConfig(daybookSettings, {
    DAYBOOK_DATA: folder,
    PORT: '0',
    OUTBOUND_ALLOW_HOSTS: shop.host,
  });
  daybook = await startTogether({ config, databaseUrl: database.url, log: silentLog });
  await eventually(async () => expect((await daybook.ready()).ready).toBe(true), { withinMs: 60_000 });
  person = await signUp(callerOf({ commands: daybook.url, queries: daybook.url }));
}, 120_000);

afterAll(async () => {
  await daybook.stop();
  await tracing.stop();
  await database.drop();
  await shop.close();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

/** The names of a span and of those it stands in, up to the caller's. */
function way(span: ReadableSpan, spans: readonly ReadableSpan[]): readonly string[] {
  const parentId = span.parentSpanContext?.spanId;
  if (parentId === caller) return [span.name, 'caller'];
  const parent = spans.find((one) => one.spanContext().spanId === parentId);
  return parent === undefined ? [span.name, 'nobody'] : [span.name, ...way(parent, spans)];
}

test('one trace leads from a request through log, topics, projections and effects to the price it brought', async () => {
  const answer = await person.call('POST', '/v1/market/products', {
    body: { url: shop.listing('aurora-desk-lamp').url },
    headers: { traceparent: `00-${traceId}-${caller}-01` },
  });
  must(answer, 201);
  const request = ['POST /v1/market/products', 'caller'];
  const tracked = ['command TrackProduct', ...request];
  const scraped = ['scrape', 'effect publish', ...tracked];
  const recorded = ['command RecordPriceObservation', 'effect send', ...scraped];
  const expected = [
    request,
    tracked,
    ['append', ...tracked],
    ['relay', ...tracked],
    ['projection products', ...tracked],
    ['projection timeline', ...tracked],
    ['process priceChecks', ...tracked],
    ['effect publish', ...tracked],
    scraped,
    ['process priceRecording', ...scraped],
    ['effect send', ...scraped],
    recorded,
    ['append', ...recorded],
    ['relay', ...recorded],
    ['projection products', ...recorded],
    ['projection prices', ...recorded],
  ];
  await eventually(
    () => {
      const spans = exporter.getFinishedSpans().filter((span) => span.spanContext().traceId === traceId);
      const ways = spans.map((span) => way(span, spans).join(' < '));
      expect(ways).toEqual(expect.arrayContaining(expected.map((names) => names.join(' < '))));
      expect(ways.filter((text) => text.endsWith('nobody'))).toEqual([]);
    },
    { withinMs: 30_000 },
  );
}, 60_000);

test('a batch is a trace of its own, linked with those of its messages', () => {
  const spans = exporter.getFinishedSpans();
  const own = spans.filter(
    (span) => span.spanContext().traceId === traceId && span.name === 'projection products',
  );
  expect(own.length).toBeGreaterThan(1);
  for (const { links } of own) {
    const batch = spans.find((span) => span.spanContext().spanId === links[0]?.context.spanId);
    expect(batch?.name).toBe('projection products batch');
    expect(batch?.links.map(({ context }) => context.traceId)).toContain(traceId);
  }
});

test('no span tells of anything personal or secret', () => {
  const text = JSON.stringify(
    exporter
      .getFinishedSpans()
      .map(({ name, attributes, status, events }) => ({ name, attributes, status, events })),
  );
  for (const secret of [person.email, person.token, 'Test Person', shop.host]) {
    expect(text).not.toContain(secret);
  }
});
