import type { RecordedEvent } from '@daybook/kernel/event.ts';
import { defineProcess } from '@daybook/kernel/process.ts';
import type { OperationsEvent } from '@daybook/schemas/operations/events.generated.ts';

/** What the effect `actOnParked` is told. */
export type ParkedAct = Readonly<{ parkedId: string; failedAt: string; act: 'retry' | 'skip' }>;

/** Does what people decided about something parked. */
export const parkedActs = defineProcess<RecordedEvent<OperationsEvent>, null>({
  name: 'parkedActs',
  handles: ['ParkedRetried', 'ParkedSkipped'],
  // A decision may be about the very message that nobody can read; one that is lost leaves the thing parked and listed.
  unreadable: 'pass',
  route: (input) => ({ to: 'start', id: input.data.parkedId }),
  initialState: () => null,
  evolve: (state) => state,
  react: (input) => {
    if (input.type === 'TimerDue') return [];
    const { parkedId, failedAt } = input.data;
    const act: ParkedAct = { parkedId, failedAt, act: input.type === 'ParkedRetried' ? 'retry' : 'skip' };
    return [{ kind: 'call', effect: 'actOnParked', input: act }, { kind: 'finish' }];
  },
});
