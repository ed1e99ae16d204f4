import type { Log } from '@daybook/kernel/ports/outside.ts';
import { eventsTopic, topicContracts } from '@daybook/schemas/topics.ts';
import type { DaybookConfig } from '../config/settings.ts';
import type { Database } from '../database/database.ts';
import { memoryWakeups } from '../database/wakeups.ts';
import { leaseLeftMs } from '../relay/relay-lead.ts';
import type { RelayOutput } from '../relay/relay-output.ts';
import { rest } from '../runtime/loop.ts';
import { openTopics, openTopicUpkeep } from '../topics/open-topics.ts';
import { ask } from '../topics/postgres-statement.ts';
import { topicLost } from '../topics/topic-engine.ts';
import type { TopicUpkeep } from '../topics/topic-upkeep.ts';

/** The events topic as a move of the log has it, wherever its messages are. */
export type MovableTopic = Readonly<{
  upkeep: TopicUpkeep;
  /** Where the log is published from. */
  output: RelayOutput;
  /**
   * Makes sure that it is where its groups believe, that it is whole, and that an earlier move has left nothing on it; makes
   * it where there is none yet.
   * @throws `configuration-invalid` where it is elsewhere · `topic-lost` · `partition-mismatch` · `unavailable`
   */
  ensure(): Promise<void>;
  /**
   * Waits until what a relay that died may have under way to it has come or never will, and makes sure that nothing is lost
   * that a process has not taken in: its place could not be told.
   * @throws `topic-lost` · `unavailable`
   */
  expectReadable(): Promise<void>;
  close(): Promise<void>;
}>;

export type OpenMovableTopicOptions = Readonly<{
  settings: DaybookConfig['kafka'];
  database: Database;
  /** Client id at the brokers. */
  name: string;
  log: Log;
}>;

/** Opens the topic where the configuration has it. @throws `configuration-invalid` for settings that do not go together */
export async function openMovableTopic(options: OpenMovableTopicOptions): Promise<MovableTopic> {
  // Nothing goes by age meanwhile: what is on the topic decides from where it is filled.
  const { database } = options;
  const open = { ...options, wakeups: memoryWakeups(), retention: { everyMs: 0 } };
  const { topics, relayOutput: output, confirm } = await openTopics(open);
  const upkeep = await openTopicUpkeep({ ...options, topics });
  return {
    upkeep,
    output,
    ensure: async () => {
      const { partitions, retentionMs } = contract();
      await confirm();
      await topics.ensure(eventsTopic, { partitions, ...(retentionMs === undefined ? {} : { retentionMs }) });
    },
    expectReadable: async () => {
      if (upkeep.relayInOneStep) return;
      await rest(await leaseLeftMs(database), new AbortController().signal);
      const { places = [] } = (await upkeep.lossOf(eventsTopic)) ?? {};
      const groups = places.map(({ group }) => group);
      if (await isOfProcess(database, groups)) throw topicLost(eventsTopic);
    },
    close: async () => {
      await upkeep.close();
      await topics.close();
    },
  };
}

function contract(): (typeof topicContracts)[number] {
  const found = topicContracts.find(({ name }) => name === eventsTopic);
  if (found === undefined) throw new Error('The contracts name no events topic.');
  return found;
}

async function isOfProcess(database: Database, groups: readonly string[]): Promise<boolean> {
  const rows = await ask(database, {
    name: 'topics.groups_of_processes',
    text: `select from runtime.checkpoints where consumer = any($1) limit 1`,
    values: [groups.map((group) => `process ${group}`)],
  });
  return rows.length > 0;
}
