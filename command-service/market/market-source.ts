import { accept, type Decider } from '@daybook/kernel/decider.ts';
import type { MarketEvent } from '@daybook/schemas/market/events.generated.ts';
import { sourcesOffAtFirst } from '@daybook/schemas/market/source-defaults.ts';
import type { Source } from '@daybook/schemas/types/types.generated.ts';

export type MarketSourceEvent = Extract<MarketEvent, { type: 'SourceEnabled' | 'SourceDisabled' }>;
export type MarketSourceCommand = Readonly<{ type: 'SwitchSource'; source: Source; enabled: boolean }>;
export type MarketSourceState = Readonly<{ enabled: boolean | null }>;

/** Whether a tenant lets products of a kind of shop be tracked. */
export const marketSource: Decider<MarketSourceCommand, MarketSourceEvent, MarketSourceState> = {
  category: 'marketSource',
  initialState: () => ({ enabled: null }),
  evolve: (_state, event) => ({ enabled: event.type === 'SourceEnabled' }),
  decide: ({ source, enabled }, state) => {
    if (isEnabled(source, state) === enabled) return accept();
    return accept({ type: enabled ? 'SourceEnabled' : 'SourceDisabled', data: { source } });
  },
};

/** Whether a kind of shop may be tracked: as the tenant said, else as it is at first. */
export function isEnabled(source: Source, { enabled }: MarketSourceState): boolean {
  return enabled ?? !sourcesOffAtFirst.has(source);
}

/** The id part of a source's stream. */
export function marketSourceId(tenantId: string, source: Source): string {
  return `${tenantId}.${source}`;
}
