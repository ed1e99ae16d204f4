import {
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Span,
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
    const kind = error instanceof Error ? error.name : 'error';
    span.setStatus({ code: SpanStatusCode.ERROR, message: kind });
    throw error;
  } finally {
    span.end();
  }
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
