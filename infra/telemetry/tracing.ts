import {
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Link,
  type Span,
  type SpanContext,
} from '@opentelemetry/api';
import type { SpanExporter } from '@opentelemetry/sdk-trace-base';

export type TracingOptions = Readonly<{
  serviceName: string;
  /** Base URL of an OTLP/HTTP collector. Without it, and without an exporter, nothing is recorded. */
  endpoint?: string;
  /** Where finished spans go instead, at once: for tests. */
  exporter?: SpanExporter;
}>;

export type Tracing = Readonly<{
  recording: boolean;
  /** Sends what is left and stops recording. Idempotent. */
  stop(): Promise<void>;
}>;

let recording = false;

/** Starts tracing for this process. The SDK is loaded only where spans go somewhere. */
export async function startTracing(options: TracingOptions): Promise<Tracing> {
  if (options.exporter === undefined && options.endpoint === undefined) {
    return { recording: false, stop: () => Promise.resolve() };
  }
  const [
    { BasicTracerProvider, BatchSpanProcessor, SimpleSpanProcessor },
    { AsyncLocalStorageContextManager },
    { W3CTraceContextPropagator },
    { resourceFromAttributes },
  ] = await Promise.all([
    import('@opentelemetry/sdk-trace-base'),
    import('@opentelemetry/context-async-hooks'),
    import('@opentelemetry/core'),
    import('@opentelemetry/resources'),
  ]);
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': options.serviceName }),
    spanProcessors: [
      options.exporter === undefined
        ? new BatchSpanProcessor(await otlpExporter(options.endpoint ?? ''))
        : new SimpleSpanProcessor(options.exporter),
    ],
  });
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  recording = true;
  let stopping: Promise<void> | undefined;
  return {
    recording: true,
    stop: () =>
      (stopping ??= (async () => {
        recording = false;
        await provider.shutdown();
        trace.disable();
        context.disable();
        propagation.disable();
      })()),
  };
}

async function otlpExporter(endpoint: string): Promise<SpanExporter> {
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http');
  // https://opentelemetry.io/docs/specs/otel/protocol/exporter/: the signal's path is added to the base endpoint.
  return new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces` });
}

const kinds = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const;

export type SpanOptions = Readonly<{
  kind?: keyof typeof kinds;
  /** Names and numbers from code, never payloads. */
  attributes?: Attributes;
  /** `traceparent` of the request, event or message that led here. Default: the span under way. */
  parent?: string | undefined;
}>;

const versionFormat = /^[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}$/;

/** The header where it is a W3C trace context (https://www.w3.org/TR/trace-context/), else undefined. */
export function validTraceparent(header: string | undefined): string | undefined {
  return header !== undefined && versionFormat.test(header) && !header.startsWith('ff') ? header : undefined;
}

/** Runs work within a span, which ends with it and tells of its failure. Costs one function call where nothing records. */
export async function withSpan<T>(
  name: string,
  options: SpanOptions,
  work: () => Promise<T> | T,
): Promise<T> {
  if (!recording) return work();
  const span = openSpan(name, options);
  try {
    return await runInSpan(span, work);
  } catch (error) {
    fail(span, error);
    throw error;
  } finally {
    span.end();
  }
}

/** Most traces that one batch is shown in. */
const mostTraces = 100;

/**
 * Runs work on a batch of messages within a span of its own, which begins a trace; each trace that led to one of them gets
 * a span of the same time, linked with that of the batch. So a trace shows every batch that its messages went through,
 * and the batch shows what it was made of.
 * @param parents the messages' `traceparent`s; asked for only where spans are recorded
 */
export async function withBatchSpan<T>(
  name: string,
  options: Pick<SpanOptions, 'kind' | 'attributes'>,
  parents: () => Iterable<string | undefined>,
  work: () => Promise<T> | T,
): Promise<T> {
  if (!recording) return work();
  const tracer = trace.getTracer('daybook');
  const kind = kinds[options.kind ?? 'consumer'];
  const attributes = options.attributes ?? {};
  const contexts = [...new Set(parents())]
    .flatMap((traceparent) => (traceparent === undefined ? [] : [extracted(traceparent)]))
    .slice(0, mostTraces);
  const links = contexts.flatMap((one) => linkTo(trace.getSpanContext(one)));
  const batch = tracer.startSpan(`${name} batch`, { kind, attributes, links, root: true });
  const spans = contexts.map((one) =>
    tracer.startSpan(name, { kind, attributes, links: linkTo(batch.spanContext()) }, one),
  );
  try {
    return await runInSpan(batch, work);
  } catch (error) {
    for (const span of [batch, ...spans]) fail(span, error);
    throw error;
  } finally {
    for (const span of [...spans, batch]) span.end();
  }
}

function linkTo(spanContext: SpanContext | undefined): Link[] {
  return spanContext === undefined ? [] : [{ context: spanContext }];
}

/** Tells the kind of a failure, never its text. */
function fail(span: Span, error: unknown): void {
  span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.name : 'error' });
}

/** Opens a span whose end the caller sees to; null where nothing records. */
export function startSpan(name: string, options: SpanOptions): Span | null {
  return recording ? openSpan(name, options) : null;
}

/** Runs work as part of a span. */
export function runInSpan<T>(span: Span, work: () => T): T {
  return context.with(trace.setSpan(context.active(), span), work);
}

function openSpan(name: string, options: SpanOptions): Span {
  return trace
    .getTracer('daybook')
    .startSpan(
      name,
      { kind: kinds[options.kind ?? 'internal'], attributes: options.attributes ?? {} },
      options.parent === undefined ? context.active() : extracted(options.parent),
    );
}

function extracted(traceparent: string): Context {
  return propagation.extract(ROOT_CONTEXT, { traceparent });
}

/** The `traceparent` to hand on: that of the span under way, or the one that came in where nothing records. */
export function traceparentOut(incoming?: string): string | undefined {
  if (!recording) return incoming;
  const carrier: { traceparent?: string } = {};
  propagation.inject(context.active(), carrier);
  return carrier.traceparent ?? incoming;
}
