/** A log that is relayed to Kafka whole, again and again, each time to a topic of its own. */
import { randomUUID } from 'node:crypto';
import type { Database } from '@daybook/infra/database/database.ts';
import { memoryWakeups } from '@daybook/infra/database/wakeups.ts';
import { contractStore } from '@daybook/infra/event-store/contract-store.ts';
import { postgresEventStore } from '@daybook/infra/event-store/postgres.ts';
import { makeMessageCodec } from '@daybook/infra/registry/codec.ts';
import { confluentSchemaRegistry } from '@daybook/infra/registry/confluent.ts';
import { relayThroughTopics } from '@daybook/infra/relay/relay-output.ts';
import { runRelay } from '@daybook/infra/relay/relay.ts';
import { kafkaTopics } from '@daybook/infra/topics/kafka-topics.ts';
import { memoryVault } from '@daybook/infra/vault/memory.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import { done, type Topics } from '@daybook/kernel/ports/topics.ts';
import type { KafkaDriver } from '../engines/rdkafka.ts';
import { silentLog } from '../support/silent-log.ts';
import { fillStore } from './fill-store.ts';
import type { Sample } from './measure.ts';

/** Events of the log, of so many tenants. */
export const total = 50_000;
const tenants = Array.from({ length: 20 }, () => randomUUID());
const partitions = 8;

/** The log as the platform reads it. The database is closed by whoever opened it. */
export function openLog(database: Database): EventStore {
  const store = postgresEventStore({ database, wakeups: memoryWakeups(), log: silentLog });
  return contractStore(store, memoryVault());
}

export type RelayRace = Readonly<{
  /** A fresh topic. */
  topic(): Promise<string>;
  /** Relays the log; the figure is events a second up to the last acknowledgement. @throws where one is lost, doubled or out of order */
  run(driver?: KafkaDriver): Promise<Sample>;
  /** @throws where the topic has not every event of the log once, those of one key in the log's order */
  judge(topic: string): Promise<void>;
  close(): Promise<void>;
}>;

/** Fills a log, and opens the way to Kafka. */
export async function openRelayRace(
  database: Database,
  broker: string,
  registryUrl: string,
): Promise<RelayRace> {
  const log = silentLog;
  const store = openLog(database);
  await fillStore(store, total, tenants);
  await database.pool.query('vacuum (analyze)');
  const codec = makeMessageCodec({ registry: confluentSchemaRegistry({ url: registryUrl }) });
  const opened = new Map<KafkaDriver, Topics>();
  const topicsBy = (driver: KafkaDriver): Topics => {
    const known = opened.get(driver);
    if (known !== undefined) return known;
    const settings = { brokers: [broker], driver };
    const topics = kafkaTopics({ settings, name: 'bench', database, wakeups: memoryWakeups(), log });
    opened.set(driver, topics);
    return topics;
  };
  let count = 0;
  const topic = async (): Promise<string> => {
    const name = `daybook.race-${String((count += 1))}.v1`;
    await topicsBy('kafkajs').ensure(name, { partitions });
    return name;
  };
  const judge = (name: string): Promise<void> => expectWhole(topicsBy('kafkajs'), name, store);
  return {
    topic,
    judge,
    run: async (driver = 'kafkajs') => {
      const name = await topic();
      const stopping = new AbortController();
      const began = performance.now();
      let [forwarded, tookMs] = [0, 0];
      await runRelay({
        eventStore: store,
        codec,
        output: relayThroughTopics({ database, topics: topicsBy(driver), topic: name, name }),
        log,
        signal: stopping.signal,
        hooks: {
          forwarded: ({ events }) => {
            forwarded += events;
            if (forwarded < total) return;
            tookMs = performance.now() - began;
            stopping.abort();
          },
        },
      });
      await judge(name);
      return { figure: total / (tookMs / 1_000) };
    },
    close: async () => {
      await Promise.all([...opened.values()].map((topics) => topics.close()));
      await store.close();
    },
  };
}

async function expectWhole(topics: Topics, topic: string, store: EventStore): Promise<void> {
  const stopping = new AbortController();
  const arrived = new Map<string, string[]>();
  let count = 0;
  await topics.run(
    topic,
    randomUUID(),
    ({ messages }) => {
      for (const { key, headers } of messages) {
        const ids = arrived.get(key) ?? [];
        arrived.set(key, ids);
        ids.push(headers['ce_id'] ?? '');
      }
      count += messages.length;
      if (count >= total) stopping.abort();
      return Promise.resolve(done);
    },
    { signal: stopping.signal },
  );
  const next = new Map([...arrived].map(([key, ids]) => [key, ids.values()]));
  for await (const page of store.readAll({ pageSize: 2_000 })) {
    for (const { id, metadata } of page) {
      if (next.get(metadata.tenantId)?.next().value !== id) throw new Error('The topic is not the log.');
    }
  }
  if (count !== total) throw new Error(`The topic has ${String(count)} messages of ${String(total)}.`);
}
