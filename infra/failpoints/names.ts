/** A place in a loop at which a process can be made to die. */
export type Failpoint = Readonly<{
  /** The file of the loop, from the repository's root. */
  file: string;
  /** What a death there means, in one sentence. */
  means: string;
  /** The kill point of the fault plan that it is. */
  killPoint?: string;
}>;

/**
 * Every failpoint by name, `<loop>.<step>`: `writing` before a step that commits or sends, `written` after it. The kill
 * matrix (`test/faults`) lets a system die at each of them, and fails for a name that is never reached.
 */
export const failpoints = {
  'append.writing': {
    file: 'infra/event-store/write-group.ts',
    means: 'Nothing of the group is stored, and nobody was answered: each caller repeats with its key.',
    killPoint: 'K1',
  },
  'append.sent': {
    file: 'infra/event-store/write-group.ts',
    means:
      'The statement is with PostgreSQL, which commits the whole group or none of it; a repeat finds out which.',
    killPoint: 'K2',
  },
  'append.written': {
    file: 'infra/event-store/write-group.ts',
    means: 'The whole group is stored and no caller of it was answered: a repeat gets the first result.',
    killPoint: 'K4',
  },
  'relay.leading': {
    file: 'infra/relay/relay.ts',
    means:
      'The lease runs out, or the same instance starts again: another relay leads from the same checkpoint.',
  },
  'relay.read': {
    file: 'infra/relay/relay.ts',
    means: 'Nothing was published: the follower reads the page again.',
    killPoint: 'K5',
  },
  'relay.encoded': {
    file: 'infra/relay/relay.ts',
    means: 'Nothing was published: the follower reads and encodes the page again.',
    killPoint: 'K5',
  },
  'relay.forwarded': {
    file: 'infra/relay/relay.ts',
    means: 'The page is published and the checkpoint moved: the follower goes on behind it.',
    killPoint: 'K7',
  },
  'projector.read': {
    file: 'infra/runtime/projector.ts',
    means: 'Nothing was written: the batch comes again.',
    killPoint: 'K9',
  },
  'projector.folded': {
    file: 'infra/runtime/projector.ts',
    means: 'Rows were folded in memory alone: the batch comes again.',
    killPoint: 'K10',
  },
  'projector.written': {
    file: 'infra/runtime/projector.ts',
    means:
      'Rows and checkpoint are committed, the group’s offset is not: the batch comes again and is passed over.',
    killPoint: 'K11',
  },
  'projector.notified': {
    file: 'infra/runtime/projector.ts',
    means: 'As after the write; those who waited for the position know.',
    killPoint: 'K11',
  },
  'process.read': {
    file: 'infra/runtime/process-runner.ts',
    means: 'Nothing was written: the batch comes again.',
  },
  'process.fenced': {
    file: 'infra/runtime/process-runner.ts',
    means: 'The transaction is rolled back, checkpoint and all: the batch comes again.',
  },
  'process.written': {
    file: 'infra/runtime/process-runner.ts',
    means:
      'States, timers and effects are written and not committed: all of it is rolled back, the batch comes again.',
  },
  'process.committed': {
    file: 'infra/runtime/process-runner.ts',
    means:
      'The state is saved and its effects wait in the outbox, not sent: the dispatcher finds them by polling.',
    killPoint: 'K13',
  },
  'process.notified': {
    file: 'infra/runtime/process-runner.ts',
    means: 'The batch is in and the group’s offset is not moved: the batch comes again and is passed over.',
  },
  'timers.claimed': {
    file: 'infra/runtime/timers.ts',
    means: 'The removal of the due timers is rolled back: they fire later, under the same input ids.',
    killPoint: 'K15',
  },
  'timers.written': {
    file: 'infra/runtime/timers.ts',
    means:
      'What the timers led to is rolled back with their removal: they fire later, under the same input ids.',
    killPoint: 'K15',
  },
  'timers.committed': {
    file: 'infra/runtime/timers.ts',
    means: 'The timers have fired and are gone; only the signal to the dispatcher is lost.',
  },
  'dispatcher.leased': {
    file: 'infra/runtime/dispatcher.ts',
    means: 'The lease runs out, and another dispatcher does the effect.',
  },
  'dispatcher.done': {
    file: 'infra/runtime/dispatcher.ts',
    means: 'The effect was done and its outcome is not recorded: it is repeated under the same id.',
    killPoint: 'K14',
  },
  'dispatcher.settled': {
    file: 'infra/runtime/dispatcher.ts',
    means: 'The outcome is recorded; what follows in the instance stays leased until the lease runs out.',
  },
} as const satisfies Readonly<Record<string, Failpoint>>;

export type FailpointName = keyof typeof failpoints;
