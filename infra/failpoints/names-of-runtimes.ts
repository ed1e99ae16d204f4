import { at } from './failpoint-place.ts';

/** What follows the topics: read models, processes, timers, effects. */
export const runtimesFailpoints = {
  'projector.read': at('infra/runtime/projector.ts', 'Nothing was written: the batch comes again.', 'K9'),
  'projector.folded': at(
    'infra/runtime/projector.ts',
    'Rows were folded in memory alone: the batch comes again.',
    'K10',
  ),
  'projector.written': at(
    'infra/runtime/projector.ts',
    'Rows and checkpoint are committed, the group’s offset is not: the batch comes again and is passed over.',
    'K11',
  ),
  'projector.notified': at(
    'infra/runtime/projector.ts',
    'As after the write; those who waited for the position know.',
    'K11',
  ),
  'process.read': at('infra/runtime/process-runner.ts', 'Nothing was written: the batch comes again.'),
  'process.fenced': at(
    'infra/runtime/process-runner.ts',
    'The transaction is rolled back, checkpoint and all: the batch comes again.',
  ),
  'process.written': at(
    'infra/runtime/process-runner.ts',
    'States, timers and effects are written and not committed: all of it is rolled back, the batch comes again.',
  ),
  'process.committed': at(
    'infra/runtime/process-runner.ts',
    'The state is saved and its effects wait in the outbox, not sent: the dispatcher finds them by polling.',
    'K13',
  ),
  'process.notified': at(
    'infra/runtime/process-runner.ts',
    'The batch is in and the group’s offset is not moved: the batch comes again and is passed over.',
  ),
  'timers.claimed': at(
    'infra/runtime/timers.ts',
    'The removal of the due timers is rolled back: they fire later, under the same input ids.',
    'K15',
  ),
  'timers.written': at(
    'infra/runtime/timers.ts',
    'What the timers led to is rolled back with their removal: they fire later, under the same input ids.',
    'K15',
  ),
  'timers.committed': at(
    'infra/runtime/timers.ts',
    'The timers have fired and are gone; only the signal to the dispatcher is lost.',
    'K15',
  ),
  'dispatcher.leasing': at('infra/runtime/dispatcher.ts', 'Nothing is leased: another dispatcher leases it.'),
  'dispatcher.leased': at(
    'infra/runtime/dispatcher.ts',
    'The lease runs out, and another dispatcher does the effect.',
  ),
  'dispatcher.done': at(
    'infra/runtime/dispatcher.ts',
    'The effect was done and its outcome is not recorded: it is repeated under the same id.',
    'K14',
  ),
  'dispatcher.settled': at(
    'infra/runtime/dispatcher.ts',
    'The outcome is recorded; what follows in the instance stays leased until the lease runs out.',
  ),
  'mailbox.linking': at(
    'infra/mail/mailbox.ts',
    'The mail is a draft that nobody sees: it is sent again.',
    'K14',
  ),
  'mailbox.linked': at(
    'infra/mail/mailbox.ts',
    'The mail is there and its line in the index is not: the repeat adds the line and no second mail.',
    'K14',
  ),
  'mailbox.listed': at(
    'infra/mail/mailbox.ts',
    'Mail and line are there, and nobody knows that it was sent: the repeat finds both.',
    'K14',
  ),
  'readModel.making': at(
    'infra/runtime/read-models.ts',
    'The table is rolled back: the next start makes it.',
  ),
  'readModel.made': at(
    'infra/runtime/read-models.ts',
    'The table is there and empty: the next start fills it.',
  ),
  'readModel.showing': at(
    'infra/runtime/rebuild/switch-read-model.ts',
    'The view is rolled back to the tables before, which serve until the switch is repeated.',
    'K12',
  ),
  'readModel.shown': at(
    'infra/runtime/rebuild/switch-read-model.ts',
    'The view shows the new tables, and projectors follow them; nobody was signalled.',
    'K12',
  ),
  'fold.writing': at(
    'infra/runtime/project-from-store.ts',
    'Rows and checkpoints are rolled back together: the fold goes on at the checkpoints of before.',
    'K12',
  ),
  'fold.written': at(
    'infra/runtime/project-from-store.ts',
    'Rows and checkpoints are written together: the fold goes on behind them, while the version before serves.',
    'K12',
  ),
  'checkpoints.making': at(
    'infra/runtime/checkpoints.ts',
    'The consumer has no checkpoints: the next start makes them.',
  ),
  'checkpoints.made': at(
    'infra/runtime/checkpoints.ts',
    'The checkpoints stand at the beginning: the next start folds from there.',
  ),
  'checkpoints.touching': at(
    'infra/runtime/checkpoints.ts',
    'Everything is folded and the consumer does not count as up to date: the next start looks once more.',
  ),
  'checkpoints.touched': at('infra/runtime/checkpoints.ts', 'The consumer counts as up to date.'),
  'housekeeping.removing': at(
    'infra/runtime/housekeeping.ts',
    'Old rows of processes stay: the next round removes them.',
  ),
  'housekeeping.removed': at('infra/runtime/housekeeping.ts', 'Old rows of processes are gone.'),
} as const;
