/** How each failpoint is made to be reached: data; whatever says nothing is reached by the usual load. */
import type { FailpointName } from '@daybook/infra/failpoints/names.ts';
import type { Ground } from './kill-house.ts';
import {
  dueTimers,
  longStream,
  poison,
  released,
  secondMember,
  signUps,
  startAlone,
  throughPort,
  told,
  underLoad,
  type Stimulus,
} from './kill-stimuli.ts';

export type KillCase = Readonly<{
  /** The hit at which the process dies. Default 2: something went well before. */
  nth?: number;
  /** Default: the usual load. */
  stimulus?: Stimulus;
  /** Default: a system that ran already. */
  ground?: Ground;
  /** SQL on the ground, before anything starts. */
  before?: string;
  /** More of the environment. */
  env?: Readonly<Record<string, string>>;
  /** Further failpoints, in the form of `FAILPOINTS`, without which this one is not reached. */
  with?: string;
  /** The service that dies while the four others go on. Default: all of them in one process. */
  service?: string;
  /** What the oracle has to say at the end. Default: nothing. */
  finds?: RegExp;
}>;

const atStart: KillCase = { nth: 1, stimulus: startAlone };
const firstStart: KillCase = { ...atStart, ground: 'migrated' };
const firstPerson: KillCase = { nth: 1, stimulus: signUps, ground: 'migrated' };
const once: KillCase = { nth: 1 };
const atStop: KillCase = { nth: 1, stimulus: told('SIGTERM') };
const ofPoison: KillCase = { nth: 1, stimulus: poison, finds: /^dead letter of priceRecording/ };

/** The read models are to be folded anew, from a log that is there. */
const foldAnew: KillCase = {
  ...atStart,
  before: `
    delete from runtime.read_models;
    delete from runtime.checkpoints where consumer not like 'process %';
    do $$ declare t record; begin
      for t in select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = 'read' loop
        execute 'truncate ' || t.name;
      end loop;
    end $$`,
};

const special: Partial<Record<FailpointName, KillCase>> = {
  'command.sending': { stimulus: signUps },
  'command.sent': { stimulus: signUps },
  'idempotency.releasing': { nth: 1, with: 'command.appending:3:throw' },
  'idempotency.released': { nth: 1, with: 'command.appending:3:throw' },
  'interface.sweeping': atStart,
  'interface.swept': atStart,
  'relay.taking': atStart,
  'relay.leading': atStart,
  'relay.published': { nth: 1, stimulus: throughPort },
  'relay.resigning': atStop,
  'relay.resigned': atStop,
  'snapshot.writing': { nth: 1, stimulus: longStream, env: { SNAPSHOT_EVERY: '20' } },
  'snapshot.written': { nth: 1, stimulus: longStream, env: { SNAPSHOT_EVERY: '20' } },
  'migration.writing': { nth: 3, stimulus: startAlone, ground: 'empty' },
  'migration.written': { nth: 3, stimulus: startAlone, ground: 'empty' },
  'registry.registering': firstPerson,
  'registry.registered': firstPerson,
  'vault.making': firstPerson,
  'vault.made': firstPerson,
  'signingKeys.making': firstPerson,
  'signingKeys.made': firstPerson,
  'nonces.using': { service: 'command-service' },
  'nonces.used': { service: 'command-service' },
  'topics.ensuring': firstStart,
  'topics.ensured': firstStart,
  'topics.synchronising': atStart,
  'topics.synchronised': atStart,
  'topics.deferring': { nth: 1, with: 'projector.read:2:throw' },
  'topics.deferred': { nth: 1, with: 'projector.read:2:throw' },
  'topics.settling': ofPoison,
  'topics.settled': ofPoison,
  'topics.settlingLetters': { ...ofPoison, stimulus: released },
  'topics.settledLetters': { ...ofPoison, stimulus: released },
  'topics.givingUp': { nth: 1, stimulus: secondMember },
  'topics.gaveUp': { nth: 1, stimulus: secondMember },
  'topics.leaving': atStop,
  'topics.left': atStop,
  'retention.removing': atStart,
  'retention.removed': atStart,
  'timers.claimed': { nth: 1, stimulus: dueTimers },
  'timers.written': { nth: 1, stimulus: dueTimers },
  'timers.committed': { nth: 1, stimulus: dueTimers },
  'mailbox.linking': { nth: 1, stimulus: signUps },
  'mailbox.linked': { nth: 1, stimulus: signUps },
  'mailbox.listed': { nth: 1, stimulus: signUps },
  'readModel.making': firstStart,
  'readModel.made': firstStart,
  'readModel.showing': firstStart,
  'readModel.shown': firstStart,
  'fold.writing': foldAnew,
  'fold.written': foldAnew,
  'checkpoints.making': firstStart,
  'checkpoints.made': firstStart,
  'checkpoints.touching': firstStart,
  'checkpoints.touched': firstStart,
  'housekeeping.removing': atStart,
  'housekeeping.removed': atStart,
  'scraper.queueing': once,
  'scraper.queued': once,
  'scraper.claimed': once,
  'scraper.keeping': { nth: 1, with: 'scraper.visited:1:delay:9000' },
  'scraper.kept': { nth: 1, with: 'scraper.visited:1:delay:9000' },
  'scraper.purging': atStart,
  'scraper.purged': atStart,
  'robots.keeping': { nth: 1, before: 'delete from scraping.robots' },
  'robots.kept': { nth: 1, before: 'delete from scraping.robots' },
  'objects.renaming': once,
  'objects.renamed': once,
};

/** How a failpoint is made to be reached. */
export function killCaseOf(name: FailpointName): KillCase {
  return special[name] ?? { stimulus: underLoad };
}
