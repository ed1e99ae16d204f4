import { accept, reject, type Decider, type Rejection } from '@daybook/kernel/decider.ts';
import type { OperationsEvent, ParkedRetried } from '@daybook/schemas/operations/events.generated.ts';

/** What is parked as the list shows it when the command comes; `handedBack` while it is being handled anew. */
export type Found = Readonly<{ what: ParkedRetried; handedBack: boolean }>;

type Asked<T extends string, More = unknown> = Readonly<{
  type: T;
  data: Readonly<{ parkedId: string; found: Found | null }> & More;
}>;

export type ParkedCommand = Asked<'RetryParked'> | Asked<'SkipParked', Readonly<{ reason: string }>>;

export type ParkedRejection = Rejection<'not-found' | 'not-parked'>;

export type ParkedState = Readonly<{
  known: boolean;
  /** The parkings about which something was decided, by when they failed. */
  retried: string | null;
  skipped: string | null;
}>;

/** What people decide about something that is parked. A decision is about one parking of it: it may be parked again. */
export const parked: Decider<ParkedCommand, OperationsEvent, ParkedState, ParkedRejection> = {
  category: 'parked',
  initialState: () => ({ known: false, retried: null, skipped: null }),
  evolve: (state, { type, data }) => {
    switch (type) {
      case 'ParkedRetried':
        return { ...state, known: true, retried: data.failedAt };
      case 'ParkedSkipped':
        return { ...state, known: true, skipped: data.failedAt };
    }
  },
  decide: (command, state) => {
    const { found } = command.data;
    if (found === null) return state.known ? notParked('It is parked no longer.') : unknown;
    const { what, handedBack } = found;
    const isSkipped = state.skipped === what.failedAt;
    if (handedBack) return notParked('It is being handled anew.');
    if (command.type === 'SkipParked') {
      return isSkipped
        ? accept()
        : accept({ type: 'ParkedSkipped', data: { ...what, reason: command.data.reason } });
    }
    if (isSkipped) return notParked('It was given up.');
    return state.retried === what.failedAt ? accept() : accept({ type: 'ParkedRetried', data: what });
  },
};

const unknown = reject<ParkedRejection>({ code: 'not-found', detail: 'Nothing parked has this id.' });

function notParked(detail: string): ReturnType<typeof reject<ParkedRejection>> {
  return reject({ code: 'not-parked', detail });
}
