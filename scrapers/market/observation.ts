import { v5 } from 'uuid';
import type { NewMessage } from '@daybook/infra/registry/codec.ts';
import { traceparentOut } from '@daybook/infra/telemetry/tracing.ts';
import { stepsTo } from '@daybook/kernel/process.ts';
import { currentVersion } from '@daybook/schemas/contracts.ts';
import type { PriceObservation } from '@daybook/schemas/market/events.generated.ts';
import type { ExtractionMethod, Money } from '@daybook/schemas/types/types.generated.ts';
import { extractorVersion, type Extraction } from '../extraction/extraction.ts';
import type { ScrapeRequest } from '../politeness/host-queue.ts';
import type { Failure } from './classification.ts';

/** Namespace of observation ids; random, and fixed for ever: a new one would record observations twice. */
const namespace = 'b3b1c0b6-52a5-4f0e-9d0e-7c1f6a1d2e90';

/** A price that was found, with how. */
export type FoundPrice = Readonly<{ price: Money; method: ExtractionMethod }>;

/** What one visit of a page came to. */
export type Visit = Readonly<{
  result: FoundPrice | Failure;
  /** What else the page says; null where nothing was read. */
  extraction: Extraction | null;
  snapshotHash: string | null;
  status: number | null;
  /** ISO 8601, UTC: when the page was fetched. */
  observedAt: string;
}>;

/** The id of the observation that answers a request: the same however often the request is handled. */
export function observationIdOf(requestId: string): string {
  return v5(requestId, namespace);
}

/** The message that tells of a visit. Its id is that of the observation. */
export function observationMessage(request: ScrapeRequest, visit: Visit): NewMessage {
  const { requestId, productId, url } = request.data;
  const observationId = observationIdOf(requestId);
  const traceparent = traceparentOut(request.metadata.traceparent);
  const data: PriceObservation = {
    observationId,
    requestId,
    productId,
    url,
    ...said(visit.result),
    ...read(visit.extraction),
    extractorVersion,
    snapshotHash: visit.snapshotHash,
    status: visit.status,
    observedAt: visit.observedAt,
  };
  return {
    id: observationId,
    type: 'PriceObservation',
    data,
    metadata: {
      ...request.metadata,
      schemaVersion: currentVersion('PriceObservation'),
      actor: { kind: 'system', id: 'scrapers' },
      commandId: observationId,
      causationId: request.id,
      steps: stepsTo(request),
      ...(traceparent === undefined ? {} : { traceparent }),
    },
    recordedAt: visit.observedAt,
    key: request.metadata.tenantId,
    source: '/daybook/scrapers',
  };
}

function said(result: Visit['result']): Pick<PriceObservation, 'outcome' | 'price' | 'method' | 'detail'> {
  return 'price' in result
    ? { outcome: 'price', price: result.price, method: result.method, detail: null }
    : { outcome: result.outcome, price: null, method: null, detail: result.detail };
}

function read(extraction: Extraction | null): Pick<PriceObservation, 'availability' | 'seller' | 'title'> {
  if (extraction === null) return { availability: 'unknown', seller: null, title: null };
  const { availability, seller, title } = extraction;
  return { availability, seller, title };
}
