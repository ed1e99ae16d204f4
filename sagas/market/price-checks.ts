import type { RecordedEvent } from '@daybook/kernel/event.ts';
import { defineProcess, type Effect, type TimerDue } from '@daybook/kernel/process.ts';
import { checkSpreadMs } from '@daybook/schemas/market/check-spread.ts';
import type { MarketEvent, ProductTracked } from '@daybook/schemas/market/events.generated.ts';
import { scrapeRequestsTopic } from '@daybook/schemas/topics.ts';

type Input = RecordedEvent<
  Extract<
    MarketEvent,
    {
      type:
        | 'ProductTracked'
        | 'CheckScheduleChanged'
        | 'ProductPaused'
        | 'ProductResumed'
        | 'ProductStopped'
        | 'CheckRequested';
    }
  >
>;

type State = Readonly<{
  product: Pick<ProductTracked, 'productId' | 'url' | 'host' | 'source' | 'schedule'> | null;
  paused: boolean;
}>;

const timer = 'check';

/** Asks for a scrape of each tracked product: at once, on its schedule, and whenever somebody wants one. */
export const priceChecks = defineProcess<Input, State>({
  name: 'priceChecks',
  handles: [
    'ProductTracked',
    'CheckScheduleChanged',
    'ProductPaused',
    'ProductResumed',
    'ProductStopped',
    'CheckRequested',
  ],
  route: (input) => ({
    to: input.type === 'ProductTracked' ? 'start' : 'continue',
    id: input.data.productId,
  }),
  initialState: () => ({ product: null, paused: false }),

  evolve: (state, input) => {
    switch (input.type) {
      case 'ProductTracked': {
        const { productId, url, host, source, schedule } = input.data;
        return { product: { productId, url, host, source, schedule }, paused: false };
      }
      case 'CheckScheduleChanged':
        return state.product === null
          ? state
          : { ...state, product: { ...state.product, schedule: input.data.schedule } };
      case 'ProductPaused':
        return { ...state, paused: true };
      case 'ProductResumed':
        return { ...state, paused: false };
      case 'ProductStopped':
      case 'CheckRequested':
      case 'TimerDue':
        return state;
    }
  },

  react: (input, { product, paused }) => (product === null ? [] : reactions(input, product, paused)),
});

type Product = NonNullable<State['product']>;

function reactions(input: Input | TimerDue, product: Product, paused: boolean): readonly Effect[] {
  switch (input.type) {
    case 'ProductTracked':
    case 'TimerDue':
      return [scrape(product, input, input.id), wake(product)];
    case 'CheckScheduleChanged':
      return paused ? [] : [wake(product)];
    case 'ProductPaused':
      return [{ kind: 'cancelWake', timer }];
    case 'ProductResumed':
      return [wake(product)];
    case 'ProductStopped':
      return [{ kind: 'finish' }];
    case 'CheckRequested':
      return [scrape(product, input, input.data.requestId)];
  }
}

/**
 * The request's id is that of what caused it, so that a repeat asks for the same observation. Its key names the tenant:
 * what is parked holds nobody else's checks at that shop. A host's pace is kept by its lease, whatever the key.
 */
function scrape(
  { productId, url, host, source }: Product,
  { metadata }: Input | TimerDue,
  requestId: string,
): Effect {
  return {
    kind: 'publish',
    topic: scrapeRequestsTopic,
    key: `${metadata.tenantId} ${host}`,
    message: { type: 'ScrapeRequested', data: { requestId, productId, url, source } },
  };
}

function wake({ schedule }: Product): Effect {
  return { kind: 'wake', timer, when: { ...schedule, spreadMs: checkSpreadMs } };
}
