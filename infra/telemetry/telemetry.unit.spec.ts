import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { InMemorySpanExporter } from '@opentelemetry/sdk-trace-base';
import {
  countCommand,
  metricNames,
  metricsRegistry,
  observeRequest,
  setProjectorLag,
  startProcessMetrics,
} from './metrics.ts';
import {
  startTracing,
  traceparentOut,
  validTraceparent,
  withBatchSpan,
  withSpan,
  type Tracing,
} from './tracing.ts';

const incoming = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

describe('tracing', () => {
  let exporter: InMemorySpanExporter;
  let tracing: Tracing;
  beforeEach(async () => {
    exporter = new InMemorySpanExporter();
    tracing = await startTracing({ serviceName: 'test', exporter });
  });
  afterEach(() => tracing.stop());

  test('a span continues the trace it is given and hands it on', async () => {
    const outgoing = await withSpan('handle', { kind: 'server', parent: incoming }, async () => {
      await Promise.resolve();
      return withSpan('append', {}, () => traceparentOut());
    });
    const [append, handle] = exporter.getFinishedSpans();
    expect(outgoing).toBe(`00-4bf92f3577b34da6a3ce929d0e0e4736-${append?.spanContext().spanId ?? ''}-01`);
    expect(append?.parentSpanContext?.spanId).toBe(handle?.spanContext().spanId);
    expect(handle?.parentSpanContext?.spanId).toBe('00f067aa0ba902b7');
  });

  test('a failure is told by kind, without its text', async () => {
    await expect(
      withSpan('fail', {}, () => Promise.reject(new TypeError('about ada@example.com'))),
    ).rejects.toThrow(TypeError);
    const [span] = exporter.getFinishedSpans();
    expect(span?.status).toEqual({ code: 2, message: 'TypeError' });
    expect(span?.events).toEqual([]);
  });

  test('a batch shows in each trace that led to it, and each knows the batch', async () => {
    const other = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const outgoing = await withBatchSpan(
      'fold',
      { kind: 'consumer' },
      () => [incoming, other, undefined, incoming],
      () => traceparentOut(),
    );
    const spans = exporter.getFinishedSpans();
    const batch = spans.find(({ name }) => name === 'fold batch');
    const own = spans.filter(({ name }) => name === 'fold');
    expect(own.map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual([
      '00f067aa0ba902b7',
      'b7ad6b7169203331',
    ]);
    expect(batch?.parentSpanContext).toBeUndefined();
    expect(batch?.links.map(({ context }) => context.traceId)).toEqual([
      '4bf92f3577b34da6a3ce929d0e0e4736',
      '0af7651916cd43dd8448eb211c80319c',
    ]);
    for (const { links } of own) expect(links[0]?.context.spanId).toBe(batch?.spanContext().spanId);
    expect(outgoing).toContain(batch?.spanContext().spanId);
  });

  test('a batch that fails is told so in each trace', async () => {
    await expect(
      withBatchSpan(
        'fold',
        {},
        () => [incoming],
        () => Promise.reject(new TypeError('about ada')),
      ),
    ).rejects.toThrow(TypeError);
    const status = { code: 2, message: 'TypeError' };
    expect(exporter.getFinishedSpans().map((span) => span.status)).toEqual([status, status]);
  });

  test('after the stop work runs without spans and a trace context passes through', async () => {
    await tracing.stop();
    expect(await withSpan('quiet', {}, () => traceparentOut(incoming))).toBe(incoming);
    expect(exporter.getFinishedSpans()).toEqual([]);
  });
});

test('without an endpoint nothing records', async () => {
  expect((await startTracing({ serviceName: 'test' })).recording).toBe(false);
});

test.each([
  [incoming, incoming],
  [undefined, undefined],
  ['garbage', undefined],
  ['00-00000000000000000000000000000000-00f067aa0ba902b7-01', undefined],
  ['ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', undefined],
])('validTraceparent(%s)', (header, expected) => {
  expect(validTraceparent(header)).toBe(expected);
});

describe('metrics', () => {
  test('are shown under their names', async () => {
    startProcessMetrics();
    observeRequest('GET', '/v1/market/products', 200, 0.004);
    setProjectorLag('productList', 2, { messages: 17, seconds: 2.5 });
    countCommand('TrackProduct', 'accepted');
    const text = await metricsRegistry.metrics();
    expect(text).toContain(
      `${metricNames.httpDuration}_count{method="GET",route="/v1/market/products",status="200"} 1`,
    );
    expect(text).toContain(`${metricNames.projectorLag}{projection="productList",partition="2"} 17`);
    expect(text).toContain(`${metricNames.projectorLagSeconds}{projection="productList",partition="2"} 2.5`);
    expect(text).toContain(`${metricNames.commands}{command="TrackProduct",outcome="accepted"} 1`);
    expect(text).toContain('nodejs_eventloop_lag_p99_seconds');
  });
});
