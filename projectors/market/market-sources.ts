import { defineProjection } from '@daybook/kernel/projection.ts';
import type { MarketEvent } from '@daybook/schemas/market/events.generated.ts';
import type { Source } from '@daybook/schemas/types/types.generated.ts';

type SourceEvent = Extract<MarketEvent, { type: 'SourceEnabled' | 'SourceDisabled' }>;

export type MarketSourceRow = Readonly<{ source: Source; enabled: boolean; changedAt: string }>;

/** A row a kind of shop that the tenant has ever switched. */
export const marketSources = defineProjection<SourceEvent, MarketSourceRow, 'source'>({
  name: 'marketSources',
  version: 1,
  table: {
    columns: { source: { type: 'text' }, enabled: { type: 'boolean' }, changedAt: { type: 'instant' } },
    key: ['source'],
  },
  handles: ['SourceEnabled', 'SourceDisabled'],
  keys: (event) => [{ source: event.data.source }],
  evolve: (_row, event, { source }) => ({
    source,
    enabled: event.type === 'SourceEnabled',
    changedAt: event.recordedAt,
  }),
});
