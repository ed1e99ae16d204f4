import { randomUUID } from 'node:crypto';
import type { Metadata, NewEvent } from '@daybook/kernel/event.ts';

/** An event of ordinary size: a price observation, about 330 bytes of data and 300 of metadata. */
export function sampleEvent(): NewEvent {
  const { data, metadata } = sampleForm();
  return { id: randomUUID(), type: 'PriceObserved', data, metadata };
}

/** Data and metadata of a sample event. Ids are constant within a run: drawing them is no part of any subject. */
export function sampleForm(): { data: Record<string, unknown>; metadata: Metadata } {
  return form;
}

const form = {
  data: {
    productId: randomUUID(),
    observationId: randomUUID(),
    requestId: randomUUID(),
    price: { amountMinor: 129_900, currency: 'EUR' },
    availability: 'inStock',
    seller: null,
    title: 'Espresso machine, 15 bar, stainless steel',
    method: 'jsonLd',
    extractorVersion: 3,
    snapshotHash: 'b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9',
    observedAt: '2026-01-01T06:00:00.000Z',
  },
  metadata: {
    schemaVersion: 2,
    tenantId: randomUUID(),
    actor: { kind: 'process', id: 'priceChecks' },
    commandId: randomUUID(),
    correlationId: randomUUID(),
    causationId: randomUUID(),
  } satisfies Metadata,
};
