import type { Failpoint } from './failpoint-place.ts';
import { logFailpoints } from './names-of-log.ts';
import { parkingFailpoints } from './names-of-parking.ts';
import { rebuildFailpoints } from './names-of-rebuild.ts';
import { runtimesFailpoints } from './names-of-runtimes.ts';
import { scrapersFailpoints } from './names-of-scrapers.ts';
import { topicsFailpoints } from './names-of-topics.ts';

/**
 * Every failpoint by name, `<loop>.<step>`: `writing` before a step that commits or sends, `written` after it. The kill
 * matrix (`test/faults`) lets a system die at each of them, and fails for a name that is never reached.
 */
export const failpoints = {
  ...logFailpoints,
  ...topicsFailpoints,
  ...runtimesFailpoints,
  ...parkingFailpoints,
  ...rebuildFailpoints,
  ...scrapersFailpoints,
  'backup.copied': {
    file: 'infra/backup/make-backup.ts',
    means: 'Everything is copied and no manifest stands: a folder that is no backup and says so by its name.',
  },
  'backup.writing': {
    file: 'infra/backup/make-backup.ts',
    means: 'The backup is whole and has not its name yet: the next one to this place removes it.',
  },
  'backup.written': {
    file: 'infra/backup/make-backup.ts',
    means: 'The backup is there; nobody was told.',
  },
  'restore.emptied': {
    file: 'infra/backup/restore-backup.ts',
    means:
      'The database is empty and marked: nothing starts on it until the restore is begun again and ends.',
  },
  'restore.copied': {
    file: 'infra/backup/restore-backup.ts',
    means: 'Tables are made and objects copied, the mark stands: the restore is begun again.',
  },
  'restore.writing': {
    file: 'infra/backup/restore-backup.ts',
    means: 'Everything is loaded and nothing committed: the restore is begun again.',
  },
  'restore.written': {
    file: 'infra/backup/restore-backup.ts',
    means: 'The restore is done and nobody was told: another one is refused, since there are events.',
  },
  'recover.writing': {
    file: 'infra/backup/recover.ts',
    means: 'Consumers are brought back and nothing is committed: everything is as it was.',
  },
  'logMove.copying': {
    file: 'infra/log-move/move-log.ts',
    means:
      'The target holds a beginning of the log, and everything follows the source: a repeat goes on there.',
  },
  'logMove.appending': {
    file: 'infra/event-store/event-store-db/move-in.ts',
    means:
      'The EventStoreDB holds a beginning of the log, and everything follows the source: a repeat goes on there.',
  },
  'logMove.copied': {
    file: 'infra/log-move/move-log.ts',
    means: 'The target holds the log, and everything follows the source: a repeat compares and goes on.',
  },
  'logMove.switching': {
    file: 'infra/log-move/move-log.ts',
    means:
      'Consumers are set to the target and nothing is committed: everything follows the source until a repeat.',
  },
  'logMove.switched': {
    file: 'infra/log-move/move-log.ts',
    means:
      'Everything follows the target, and the events topic is empty, or on Kafka noted as to be emptied: a repeat, or the next start, sees to it and fills it.',
  },
  'logMove.emptied': {
    file: 'infra/topics/former-messages.ts',
    means:
      'The events topic on Kafka is empty, and noted as one that is not: a repeat, or the next start, finds nothing to remove and goes on.',
  },
  'topicsMove.made': {
    file: 'infra/topics/move-topics.ts',
    means: 'The topics stand at the target, and everybody uses those of the source: a repeat confirms them.',
  },
  'topicsMove.switching': {
    file: 'infra/topics/move-topics.ts',
    means: 'Groups are set to the target and nothing is committed: everybody uses the source until a repeat.',
  },
} as const satisfies Readonly<Record<string, Failpoint>>;

export type FailpointName = keyof typeof failpoints;
