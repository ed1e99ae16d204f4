/** What the doctor and the start find about engines: all of them, each with all that is wrong with it. */
import type { DaybookConfig } from '@daybook/infra/config/settings.ts';
import { memoryWakeups } from '@daybook/infra/database/wakeups.ts';
import { openDatabase, type Database } from '@daybook/infra/database/database.ts';
import { pendingMigrations } from '@daybook/infra/database/migrate.ts';
import { compareLog, logMismatch, type MismatchKind } from '@daybook/infra/event-store/compare-log.ts';
import { readFollowedLog } from '@daybook/infra/event-store/followed-log.ts';
import { openStore } from '@daybook/infra/event-store/open-store.ts';
import type { KafkaLook } from '@daybook/infra/topics/kafka-look.ts';
import { expectRegistryBeside, kafkaSettings } from '@daybook/infra/topics/open-topics.ts';
import { homeInDatabase, topicsElsewhere, topicsHome } from '@daybook/infra/topics/topics-home.ts';
import { isDaybookError } from '@daybook/kernel/errors.ts';
import { beginning } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import { topicContracts } from '@daybook/schemas/topics.ts';
import { well, wrong, type Finding } from './finding.ts';
import { tell } from './sentences.ts';

/** The parts of the configuration that name engines; one that makes no sense is left out. */
export type EngineConfig = Partial<Pick<DaybookConfig, 'eventStore' | 'registry' | 'kafka'>>;

export type EngineCheckOptions = Readonly<{
  config: EngineConfig;
  /** Where there is one that runs: what it remembers of log and topics is compared. */
  databaseUrl?: string | undefined;
  log: Log;
}>;

/** Shown to engines. */
const name = 'daybook doctor';

/** An engine that does not answer within this is away, in milliseconds. */
const answerLimitMs = 5_000;

/** Looks at log, registry and topics at once; changes nothing that was there. */
export async function checkEngines(options: EngineCheckOptions): Promise<readonly Finding[]> {
  const { databaseUrl, log } = options;
  const database = openedAt(databaseUrl, log);
  try {
    const migrated = database !== undefined && (await isMigrated(database));
    const known = migrated ? database : undefined;
    const found = await Promise.all([
      checkLog(options, known),
      checkRegistry(options),
      checkTopics(options, known),
    ]);
    return found.flat();
  } finally {
    await database?.close();
  }
}

/** That a URL can never work is another check's to say. */
function openedAt(url: string | undefined, log: Log): Database | undefined {
  if (url === undefined) return undefined;
  try {
    return openDatabase({ url, poolSize: 2, applicationName: name, log });
  } catch {
    return undefined;
  }
}

/** Whether it can be asked what it remembers. That it is away is another check's to say. */
function isMigrated(database: Database): Promise<boolean> {
  return pendingMigrations(database).then(
    (pending) => pending.length === 0,
    () => false,
  );
}

/** The log: there, and the one that the database's consumers took in. */
async function checkLog(
  { config: { eventStore }, log }: EngineCheckOptions,
  database: Database | undefined,
): Promise<readonly Finding[]> {
  const about = 'Log';
  if (eventStore === undefined) return [];
  const inDatabase = eventStore.url === undefined;
  if (inDatabase && database === undefined) return [well(about, 'in the database')];
  try {
    const store = await openStore({
      settings: eventStore,
      name,
      // Of a log elsewhere nothing is asked of the database.
      database: database as Database,
      wakeups: memoryWakeups(),
      log,
      answerLimitMs,
    });
    try {
      const head = await store.head();
      const mismatch = await mismatchOf(store, database);
      if (mismatch !== null) return [wrong(about, ...inTwo(logMismatch(mismatch).message))];
      const upTo = head === beginning ? 'empty' : `up to position ${head}`;
      return [well(about, inDatabase ? 'in the database' : `EventStoreDB, ${upTo}`)];
    } finally {
      await store.close();
    }
  } catch (error) {
    return [wrong(about, told(error), `Start it, or correct ${inDatabase ? 'DATABASE' : 'EVENTSTORE'}_URL.`)];
  }
}

/** How the log differs from what the database's consumers took in, if they did. */
async function mismatchOf(store: EventStore, database: Database | undefined): Promise<MismatchKind | null> {
  // A log that nobody follows yet is not asked who it is: it would be given an identity.
  if (database === undefined || (await readFollowedLog(database.pool)) === undefined) return null;
  return (await compareLog(store, database)).mismatch;
}

/** The schema registry: there, and taking the schemas of this build. */
async function checkRegistry({ config: { registry } }: EngineCheckOptions): Promise<readonly Finding[]> {
  const about = 'Schema registry';
  if (registry === undefined) return [];
  if (registry.url === undefined) return [well(about, 'in the database')];
  const { refusedSubjects } = await import('@daybook/infra/registry/refused-subjects.ts');
  try {
    const refused = await refusedSubjects(registry.url);
    if (refused.length === 0) return [well(about, 'answers')];
    const list = refused.map(({ subject, why }) => `\n  ${subject}: ${why}`).join('');
    return [
      wrong(
        about,
        `It holds schemas that ours cannot read, under our names:${list}`,
        'Name a registry of this installation by SCHEMA_REGISTRY_URL, or remove these subjects there if nobody needs them.',
      ),
    ];
  } catch (error) {
    return [wrong(about, told(error), 'Start it, or correct SCHEMA_REGISTRY_URL.')];
  }
}

/** The topics: a registry beside the brokers, these there, the cluster that belongs to the database, its partitions. */
async function checkTopics(
  { config: { kafka, registry }, log }: EngineCheckOptions,
  database: Database | undefined,
): Promise<readonly Finding[]> {
  if (kafka === undefined) return [];
  const problems: Finding[] = [];
  const collect = async <T>(work: () => T | Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      problems.push(topicsProblem(error));
      return undefined;
    }
  };
  const inKafka = kafka.brokers.length > 0;
  if (registry !== undefined) {
    await collect(() => {
      expectRegistryBeside({ kafka, registry });
    });
  }
  const look = inKafka ? await collect(() => lookAt(kafka, log)) : undefined;
  const home = inKafka ? look?.cluster : homeInDatabase;
  if (database !== undefined && home !== undefined) {
    await collect(async () => {
      const actual = await topicsHome(database);
      if (actual !== undefined && actual !== home) throw topicsElsewhere(actual, home);
    });
  }
  problems.push(...partitionProblems(look?.partitions ?? new Map()));
  if (problems.length > 0) return problems;
  return [well(topics, look === undefined ? 'in the database' : `Kafka, cluster ${look.cluster}`)];
}

const topics = 'Topics';

async function lookAt(kafka: DaybookConfig['kafka'], log: Log): Promise<KafkaLook> {
  const { lookAtKafka } = await import('@daybook/infra/topics/kafka-look.ts');
  const agreed = topicContracts.map((topic) => topic.name);
  return lookAtKafka(kafkaSettings(kafka), agreed, name, log);
}

function topicsProblem(error: unknown): Finding {
  return isDaybookError(error, 'configuration-invalid')
    ? wrong(topics, ...inTwo(error.message))
    : wrong(topics, told(error), 'Start it, or correct KAFKA_BROKERS and what goes with it.');
}

function partitionProblems(partitions: ReadonlyMap<string, number>): readonly Finding[] {
  return [...partitions].flatMap(([topic, actual]) => {
    const agreed = topicContracts.find((one) => topic === one.name || topic.startsWith(`${one.name}.`));
    if (agreed === undefined || agreed.partitions === actual) return [];
    const says = `The topic ${topic} has ${String(actual)} partitions, and ${String(agreed.partitions)} are agreed.`;
    return [
      wrong(
        topics,
        says,
        'Delete it if nobody needs what is in it (the next start makes it anew), or name another cluster by KAFKA_BROKERS.',
      ),
    ];
  });
}

/** A failure on one line. */
function told(error: unknown): string {
  return (tell(error).sentence.split('\n', 1)[0] ?? '').trimEnd();
}

/** A message that ends in what to do: what is wrong, and that. */
function inTwo(message: string): readonly [says: string, todo: string] {
  const [first = message, ...rest] = message.split(/(?<=[.:]) (?=Name |Stop |Set )/);
  return [first, rest.length === 0 ? 'Correct the configuration.' : rest.join(' ')];
}
