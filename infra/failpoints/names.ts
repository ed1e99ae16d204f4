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
  'command.sending': {
    file: 'infra/runtime/command-bus.ts',
    means: 'Nothing is reserved and nothing recorded: a repeat begins anew.',
  },
  'command.sent': {
    file: 'infra/runtime/command-bus.ts',
    means:
      'What had to be accepted first is recorded, the command itself is not: a repeat sends it again under the same ids and goes on.',
  },
  'command.appending': {
    file: 'infra/runtime/command-bus.ts',
    means: 'Decided, and not recorded: a repeat decides anew.',
    killPoint: 'K1',
  },
  'command.appended': {
    file: 'infra/runtime/command-bus.ts',
    means:
      'Recorded, and the caller not answered: a repeat finds its command id in the stream and gets the first result.',
    killPoint: 'K3',
  },
  'idempotency.claimed': {
    file: 'infra/http/idempotency.ts',
    means: 'The key is claimed and nothing done: the claim runs out, and a repeat takes it over.',
  },
  'idempotency.keeping': {
    file: 'infra/http/idempotency.ts',
    means:
      'The command is done, its answer neither kept nor sent: a repeat meets what it recorded and gets the first result.',
    killPoint: 'K3',
  },
  'idempotency.kept': {
    file: 'infra/http/idempotency.ts',
    means: 'The answer is kept and not sent: a repeat gets it.',
    killPoint: 'K3',
  },
  'idempotency.releasing': {
    file: 'infra/http/idempotency.ts',
    means: 'A failed request still holds its key: the claim runs out.',
  },
  'idempotency.released': {
    file: 'infra/http/idempotency.ts',
    means:
      'A failed request gave its key back, and nobody was told of the failure: a repeat is handled at once.',
  },
  'relay.taking': {
    file: 'infra/relay/relay-lead.ts',
    means: 'Nobody leads yet, or still another relay does: the next one that asks leads.',
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
  'relay.sent': {
    file: 'infra/relay/relay-output.ts',
    means:
      'PostgreSQL publishes the page and moves the checkpoint, both or neither: the follower goes on from where that left it.',
    killPoint: 'K6',
  },
  'relay.published': {
    file: 'infra/relay/relay-output.ts',
    means:
      'Through another engine the page is published and the checkpoint is not moved: the follower publishes it again, and consumers know the repeats by their positions.',
    killPoint: 'K7',
  },
  'relay.forwarded': {
    file: 'infra/relay/relay.ts',
    means: 'The page is published and the checkpoint moved: the follower goes on behind it.',
    killPoint: 'K7',
  },
  'relay.keeping': {
    file: 'infra/relay/relay-lead.ts',
    means: 'The lease is not renewed: it runs out, and another relay leads.',
  },
  'relay.kept': {
    file: 'infra/relay/relay-lead.ts',
    means: 'The lease is renewed for the last time: it runs out, and another relay leads.',
  },
  'relay.resigning': {
    file: 'infra/relay/relay-lead.ts',
    means: 'Everything is forwarded and the lead still held: its lease runs out.',
  },
  'relay.resigned': {
    file: 'infra/relay/relay-lead.ts',
    means: 'The lead is free: the next relay takes it at once.',
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
    killPoint: 'K15',
  },
  'dispatcher.leasing': {
    file: 'infra/runtime/dispatcher.ts',
    means: 'Nothing is leased: another dispatcher leases it.',
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
  'snapshot.writing': {
    file: 'infra/runtime/snapshots.ts',
    means:
      'The earlier snapshot of the stream stands, or none: more of the stream is folded, to the same state.',
    killPoint: 'K27',
  },
  'snapshot.written': {
    file: 'infra/runtime/snapshots.ts',
    means: 'The snapshot stands, and the log confirms it to whoever uses it.',
    killPoint: 'K27',
  },
  'migration.writing': {
    file: 'infra/database/migrate.ts',
    means: 'The migration is rolled back whole: the next start runs it again.',
    killPoint: 'K26',
  },
  'migration.written': {
    file: 'infra/database/migrate.ts',
    means: 'The migration is done and recorded: the next start goes on with the one after it.',
    killPoint: 'K26',
  },
} as const satisfies Readonly<Record<string, Failpoint>>;

export type FailpointName = keyof typeof failpoints;
