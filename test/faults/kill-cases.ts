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
  skipped,
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
  /** The system itself dies there; what its stimulus starts then dies at the case's own failpoint. */
  systemDiesAt?: FailpointName;
  /** A command that dies, in place of a system, and is given once more. */
  command?: Command;
  /** SQL after the death that takes back what `before` has damaged. */
  mend?: string;
  /** A command after the new start. */
  after?: readonly string[];
  /** The service that dies while the four others go on. Default: all of them in one process. */
  service?: string;
  /** What the oracle has to say at the end. Default: nothing. */
  finds?: RegExp;
}>;

/** A command of the `daybook` command line, on the database and the folder of the case. */
export type Command = Readonly<{
  /** The backup is of the used ground, for what runs beside no system. */
  args: (stage: CommandStage) => readonly string[];
  /** Whether a system runs meanwhile, under load. */
  besideSystem: boolean;
  /** How it ends when it is given again. Default: well. */
  endsAgain?: number;
  /** Another command that has to end well after that, before a system starts. */
  then?: (stage: CommandStage) => readonly string[];
}>;

export type CommandStage = Readonly<{
  folder: string;
  backup: string;
  /** An empty EventStoreDB (a stand-in). */
  eventStore: string;
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

/** The last event of the log is one that cannot be encoded, and the relay has not seen it. */
const blocked: KillCase = {
  ...atStart,
  before: `
    set session_replication_role = replica;
    create table public.kept as select * from log.events order by position desc limit 1;
    update topics.relays set position = lpad((select position - 1 from public.kept)::text, 20, '0');
    update log.events set type = 'Strange' where position = (select position from public.kept)`,
  mend: `
    set session_replication_role = replica;
    update log.events e set type = k.type from public.kept k where e.position = k.position;
    drop table public.kept`,
};

/** A timer is due whose process throws. */
const throwingTimer: KillCase = {
  nth: 1,
  stimulus: startAlone,
  before: `
    create table public.kept as select * from runtime.process_instances where process = 'priceChecks';
    update runtime.process_instances set state = jsonb_set(state, '{product,schedule,cron}', '"never ever"')
    where process = 'priceChecks';
    update runtime.timers set fire_at = now() where process = 'priceChecks'`,
  mend: `
    update runtime.process_instances i set state = k.state from public.kept k
    where (i.process, i.tenant_id, i.instance_id) = (k.process, k.tenant_id, k.instance_id);
    drop table public.kept`,
  after: ['parked', 'retry', '--kind', 'timer'],
};

/** Alters the table of the products, whatever its name is. */
const alterProducts = (change: string): string => `
  do $$ declare t text; begin
    select format('%I.%I', schemaname, tablename) into t from pg_tables
    where schemaname = 'read' and tablename like 'products%';
    execute 'alter table ' || t || ' ${change}';
  end $$`;

/** The read models are folded anew, and one refuses every row. */
const refusingFold: KillCase = {
  ...foldAnew,
  before: `${foldAnew.before ?? ''}; ${alterProducts('add constraint refused check (false)')}`,
  mend: alterProducts('drop constraint refused'),
  after: ['parked', 'retry', '--kind', 'message'],
};

const backingUp: KillCase = {
  nth: 1,
  command: { args: ({ folder }) => ['backup', `${folder}-backup`], besideSystem: true },
};

const restoring: KillCase = {
  nth: 1,
  ground: 'empty',
  command: { args: ({ backup }) => ['restore', backup], besideSystem: false },
};

const rebuilding: KillCase = {
  nth: 1,
  command: { args: () => ['rebuild', 'products'], besideSystem: true },
};

/** There, and back again: the oracle reads the log in PostgreSQL. */
const moving: KillCase = {
  nth: 1,
  command: {
    args: ({ eventStore }) => ['migrate-log', '--from', 'postgresql', '--to', eventStore],
    then: ({ eventStore }) => ['migrate-log', '--from', eventStore, '--to', 'postgresql'],
    besideSystem: false,
  },
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
  'relay.seized': {
    nth: 1,
    command: { args: () => ['republish', '--from', '1'.padStart(20, '0')], besideSystem: true },
  },
  'relay.published': { nth: 1, stimulus: throughPort, systemDiesAt: 'relay.encoded' },
  'relay.blocking': blocked,
  'relay.blocked': blocked,
  'timers.parking': throwingTimer,
  'timers.parked': throwingTimer,
  'parking.acting': { nth: 1, stimulus: skipped },
  'parking.acted': { nth: 1, stimulus: skipped },
  'fold.parking': refusingFold,
  'fold.parked': refusingFold,
  'rebuild.making': rebuilding,
  'rebuild.made': rebuilding,
  'rebuild.dropping': rebuilding,
  'rebuild.dropped': rebuilding,
  'backup.copied': backingUp,
  'backup.writing': backingUp,
  'backup.written': {
    nth: 1,
    command: { args: ({ folder }) => ['backup', `${folder}-backup`], besideSystem: true, endsAgain: 1 },
  },
  'restore.emptied': restoring,
  'restore.copied': restoring,
  'restore.writing': restoring,
  'restore.written': {
    ...restoring,
    command: { args: ({ backup }) => ['restore', backup], besideSystem: false, endsAgain: 1 },
  },
  'recover.writing': {
    nth: 1,
    before: `
      set session_replication_role = replica;
      delete from log.events where position = (select max(position) from log.events)`,
    command: { args: () => ['recover'], besideSystem: false },
  },
  'logMove.copying': moving,
  'logMove.appending': { ...moving, nth: 4 },
  'logMove.copied': moving,
  'logMove.switching': moving,
  'logMove.switched': moving,
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

/** Where topics are in Kafka, publishing and checkpoint are two steps of the system's own relay. */
const specialOnKafka: Partial<Record<FailpointName, KillCase>> = {
  'relay.published': { stimulus: underLoad },
};

/** How a failpoint is made to be reached. */
export function killCaseOf(name: FailpointName, onKafka = false): KillCase {
  return (onKafka ? specialOnKafka[name] : undefined) ?? special[name] ?? { stimulus: underLoad };
}
