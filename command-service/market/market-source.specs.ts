import type { Rejection } from '@daybook/kernel/decider.ts';
import type { DeciderSpec } from '@daybook/kernel/specification.ts';
import type { MarketSourceCommand, MarketSourceEvent } from './market-source.ts';

const on: MarketSourceEvent = { type: 'SourceEnabled', data: { source: 'amazon' } };
const off: MarketSourceEvent = { type: 'SourceDisabled', data: { source: 'amazon' } };

const turn = (source: MarketSourceCommand['source'], enabled: boolean): MarketSourceCommand => ({
  type: 'SwitchSource',
  source,
  enabled,
});

export const marketSourceSpecs: readonly DeciderSpec<MarketSourceCommand, MarketSourceEvent, Rejection>[] = [
  { name: 'Amazon is off at first and is turned on', given: [], when: turn('amazon', true), then: [on] },
  {
    name: 'turning off what is off at first changes nothing',
    given: [],
    when: turn('ebay', false),
    then: 'nothing',
  },
  { name: 'turning on what is on changes nothing', given: [on], when: turn('amazon', true), then: 'nothing' },
  { name: 'it is turned off again', given: [on], when: turn('amazon', false), then: [off] },
  { name: 'and on', given: [on, off], when: turn('amazon', true), then: [on] },
  { name: 'any page is on at first', given: [], when: turn('page', true), then: 'nothing' },
  {
    name: 'and may be turned off',
    given: [],
    when: turn('page', false),
    then: [{ type: 'SourceDisabled', data: { source: 'page' } }],
  },
];
