import { defineProcess, type Effect, type TopicMessage } from '@daybook/kernel/process.ts';
import type { PriceObservation } from '@daybook/schemas/market/events.generated.ts';
import { priceObservationsTopic } from '@daybook/schemas/topics.ts';

type Input = TopicMessage<'PriceObservation', PriceObservation>;

/** Turns what scrapers saw into commands. The product's history sees to it that each observation counts once. */
export const priceRecording = defineProcess<Input, null>({
  name: 'priceRecording',
  topic: priceObservationsTopic,
  handles: ['PriceObservation'],
  route: (input) => ({ to: 'start', id: input.data.observationId }),
  initialState: () => null,
  evolve: (state) => state,
  react: (input) =>
    input.type === 'TimerDue' ? [] : [{ kind: 'send', call: recording(input.data) }, { kind: 'finish' }],
});

function recording(seen: PriceObservation): Extract<Effect, { kind: 'send' }>['call'] {
  const { productId, observationId, requestId, observedAt, outcome, snapshotHash } = seen;
  const what = { productId, observationId, requestId, observedAt };
  const { price, method, availability, seller, title, extractorVersion } = seen;
  if (outcome === 'price' && price !== null && method !== null && snapshotHash !== null) {
    return {
      command: 'RecordPriceObservation',
      input: { ...what, price, availability, seller, title, method, extractorVersion, snapshotHash },
    };
  }
  return {
    command: 'RecordCheckFailure',
    input: {
      ...what,
      // A price without its amount, place or page proves nothing.
      outcome: outcome === 'price' ? 'noPrice' : outcome,
      detail: seen.detail ?? 'The page shows no price.',
      status: seen.status,
      snapshotHash,
      extractorVersion,
    },
  };
}
