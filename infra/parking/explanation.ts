import type { Parked, ParkedKind } from './parked.ts';

/** In plain words: what happened, what it keeps waiting, what to do. */
export type Explanation = Readonly<{ cause: string; effect: string; todo: string }>;

type Reason = Readonly<{ cause: string; todo: string }>;

const deploy =
  'Let the build run that knows it, then retry: it is read by the schemas and upcasters of that day.';

/** By the code of the failure. Other codes are those of the outside: see `otherwise`. */
const reasons: Readonly<Record<string, Reason>> = {
  'schema-unknown': {
    cause: 'It is written by a schema that this build does not know, such as a version of a later build.',
    todo: deploy,
  },
  'schema-incompatible': {
    cause: 'Its bytes, fields or headers are not what they claim to be.',
    todo: 'Find out who wrote it. Mend what reads it (a schema, an upcaster), let that run, and retry; skip it where nobody can ever read it.',
  },
  'handler-throws': {
    cause: 'The code that handles it throws: a defect of that code, which the same input meets every time.',
    todo: 'Mend the code at the place that the error names, let it run, and retry.',
  },
  'outcome-refused': {
    cause: 'PostgreSQL refuses what the code makes of it: a value does not fit its column.',
    todo: 'Mend the code, or the column by a new version of the read model, let it run, and retry.',
  },
  'configuration-invalid': {
    cause: 'This installation lacks what it needs: a handler or a setting.',
    todo: 'Let the build run that has it, or mend the setting ("daybook doctor" looks), and retry.',
  },
};

const otherwise: Reason = {
  cause: 'Each attempt failed; the error tells how the last one did.',
  todo: 'Mend what the error names, such as an outside system or a setting, and retry.',
};

const effects: Readonly<Record<ParkedKind, string>> = {
  message:
    'What was published later for the same key waits for this consumer, in order; other keys go on. Read models of it show the state before.',
  effect:
    'What the same instance of the process asked for later waits behind it, in order; other instances go on.',
  timer: 'Later timers of the same instance of the process wait behind it; other instances go on.',
  relay:
    'Nothing that was recorded later is published: read models and processes of all tenants stand still. Commands are accepted all the while.',
};

const skipping: Readonly<Record<ParkedKind, string>> = {
  message: 'Skipped, this consumer never takes it in; the log keeps it.',
  effect: 'Skipped, it is never done.',
  timer:
    'Skipped, it never fires; a process that sets its next timer when one fires is not woken again by itself.',
  relay: 'Skipped, it is never published; the log keeps it, and only what is folded from the log has it.',
};

/** Explains something parked. */
export function explain({ kind, reason }: Pick<Parked, 'kind' | 'reason'>): Explanation {
  const { cause, todo } = (Object.hasOwn(reasons, reason) ? reasons[reason] : undefined) ?? otherwise;
  return { cause, effect: effects[kind], todo: `${todo} ${skipping[kind]}` };
}
