/** A small domain for specs of the command bus: accounts with a balance, and slugs that are unique over tenants. */
import { z } from 'zod';
import { defineCommand } from '@daybook/kernel/command.ts';
import { accept, reject, type Decider } from '@daybook/kernel/decider.ts';
import type { RecordedEvent, StreamName } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { CommandDelivery } from '@daybook/kernel/ports/outside.ts';

type AccountEvent =
  { type: 'Opened'; data: object } | { type: 'Credited' | 'Debited'; data: { amount: number } };
type AccountState = { open: boolean; balance: number };
type AccountCommand = { do: 'open' | 'spend'; amount: number };

const account: Decider<AccountCommand, AccountEvent, AccountState> = {
  category: 'account',
  initialState: () => ({ open: false, balance: 0 }),
  evolve: (state, event) => {
    switch (event.type) {
      case 'Opened':
        return { ...state, open: true };
      case 'Credited':
        return { ...state, balance: state.balance + event.data.amount };
      case 'Debited':
        return { ...state, balance: state.balance - event.data.amount };
    }
  },
  decide: (command, state) => {
    if (command.do === 'open') {
      return state.open
        ? reject({ code: 'already-open', detail: 'It is open.' })
        : accept<AccountEvent>(
            { type: 'Opened', data: {} },
            { type: 'Credited', data: { amount: command.amount } },
          );
    }
    if (command.amount === 0) return accept();
    return state.balance < command.amount
      ? reject({ code: 'balance-low', detail: `Only ${String(state.balance)} left.` })
      : accept({ type: 'Debited', data: { amount: command.amount } });
  },
};

const input = z.object({ id: z.string(), amount: z.number() });

const common = {
  summary: 'For specs.',
  access: ['owner'],
  method: 'POST',
  status: 200,
  output: z.unknown(),
  rejections: {},
} as const;

export const open = defineCommand({
  ...common,
  name: 'Open',
  input,
  decider: account,
  streamId: ({ id }) => id,
  command: ({ amount }): AccountCommand => ({ do: 'open', amount }),
  answer: ({ state, events, context }) => ({
    balance: state.balance,
    events: events.length,
    at: context.now,
  }),
});

const spending = {
  ...common,
  input,
  decider: account,
  streamId: ({ id }: { id: string }) => id,
  command: ({ amount }: { amount: number }): AccountCommand => ({ do: 'spend', amount }),
  answer: ({ state }: { state: AccountState }) => ({ balance: state.balance }),
};

export const spend = defineCommand({ ...spending, name: 'Spend' });

/** Public: acts in the tenant of the account. */
export const transfer = defineCommand({
  ...spending,
  name: 'Transfer',
  access: 'public',
  command: ({ amount }): AccountCommand => ({ do: amount === 0 ? 'open' : 'spend', amount }),
});

const slug: Decider<{ holder: string }, { type: 'Reserved'; data: { holder: string } }, string | null> = {
  category: 'slug',
  initialState: () => null,
  evolve: (_, event) => event.data.holder,
  decide: ({ holder }, state) =>
    state === null
      ? accept({ type: 'Reserved', data: { holder } })
      : state === holder
        ? accept()
        : reject({ code: 'slug-taken', detail: 'Somebody has it.' }),
};

export const reserve = defineCommand({
  ...common,
  name: 'Reserve',
  access: 'internal',
  input: z.object({ slug: z.string(), holder: z.string() }),
  decider: slug,
  streamId: ({ slug: id }) => id,
  tenantId: () => 'system',
  command: ({ holder }) => ({ holder }),
  answer: () => null,
});

/** Opens an account under a slug that must be free. */
export const openWithSlug = defineCommand({
  ...common,
  name: 'OpenWithSlug',
  input: z.object({ id: z.string(), slug: z.string() }),
  decider: account,
  streamId: ({ id }) => id,
  command: (): AccountCommand => ({ do: 'open', amount: 1 }),
  first: ({ id, slug: wanted }) => [{ command: 'Reserve', input: { slug: wanted, holder: id } }],
  answer: ({ state }) => state,
});

export function deliveryOf(commandId: string, tenantId = 'tenant'): CommandDelivery {
  return {
    tenantId,
    actor: { kind: 'user', id: 'user-1' },
    commandId,
    correlationId: `correlation of ${commandId}`,
  };
}

export async function eventsIn(store: EventStore, stream: StreamName): Promise<readonly RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const page of store.read(stream)) events.push(...page);
  return events;
}
