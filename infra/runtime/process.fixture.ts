/** A process for specs: an order waits for its payment, reminds, and is given up. */
import type { RecordedEvent } from '@daybook/kernel/event.ts';
import { defineProcess, type Effect, type TopicMessage } from '@daybook/kernel/process.ts';
import { recorded } from '@daybook/kernel/specification.ts';

type Placed = { type: 'Placed'; data: { order: string; dueAt: string; effects?: Effect[] } };
type Paid = { type: 'Paid'; data: { order: string; amount: number } };
type OrderInput = RecordedEvent<Placed> | RecordedEvent<Paid>;
type OrderState = { dueAt: string; paid: number; reminders: number };

export const orders = defineProcess<OrderInput, OrderState>({
  name: 'testOrders',
  handles: ['Placed', 'Paid'],
  route: (input) => ({ to: input.type === 'Placed' ? 'start' : 'continue', id: input.data.order }),
  initialState: () => ({ dueAt: '', paid: 0, reminders: 0 }),
  evolve: (state, input) => {
    if (input.type === 'TimerDue') return { ...state, reminders: state.reminders + 1 };
    return input.type === 'Placed'
      ? { ...state, dueAt: input.data.dueAt }
      : { ...state, paid: state.paid + input.data.amount };
  },
  react: (input, state) => {
    if (input.type === 'TimerDue') {
      return [
        send('Remind', { reminders: state.reminders }),
        ...(state.reminders < 2 ? [wake(input.data.dueAt)] : [{ kind: 'finish' } as const]),
      ];
    }
    if (input.type === 'Placed') {
      return [
        wake(input.data.dueAt),
        ...(input.data.effects ?? [send('Greet', { order: input.data.order })]),
      ];
    }
    if (input.data.amount < 0) throw new Error('a bug');
    return state.paid < 10
      ? [{ kind: 'cancelWake', timer: 'reminder' }]
      : [send('Thank', { paid: state.paid }), { kind: 'finish' }];
  },
});

/** Counts messages of a topic whose order is not the store's. */
export const counting = defineProcess<TopicMessage<'Counted', { counter: string }>, number>({
  name: 'testCounting',
  topic: 'test.counts.v1',
  handles: ['Counted'],
  route: (input) => ({ to: 'startOrContinue', id: input.data.counter }),
  initialState: () => 0,
  evolve: (state) => state + 1,
  react: (_, state) => [send('Count', { state })],
});

export function send(command: string, input: Record<string, unknown>): Effect {
  return { kind: 'send', call: { command, input } };
}

function wake(at: string): Effect {
  return { kind: 'wake', timer: 'reminder', when: { at } };
}

export const longAgo = '2001-01-01T00:00:00.000Z';
export const farOff = '2101-01-01T00:00:00.000Z';

type Said = { type: string; data: object; tenantId?: string };

export function placed(order: string, dueAt = farOff, effects?: Effect[], tenantId = 'a'): Said {
  return {
    type: 'Placed',
    data: { order, dueAt, ...(effects === undefined ? {} : { effects }) },
    tenantId,
  };
}

export function paid(order: string, amount: number, tenantId = 'a'): Said {
  return { type: 'Paid', data: { order, amount }, tenantId };
}

/** A log of these events, at positions from 1. */
export function logOf(...said: readonly Said[]): readonly RecordedEvent[] {
  return recorded(
    said.map(({ tenantId = 'a', ...event }, index) => ({
      ...event,
      id: `input-${String(index)}`,
      metadata: { tenantId, correlationId: `correlation-${String(index)}` },
    })),
  );
}
