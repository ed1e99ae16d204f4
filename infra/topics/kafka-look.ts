import type { Log } from '@daybook/kernel/ports/outside.ts';
import { kafkaClient, translateKafkaError, type KafkaSettings } from './kafka-client.ts';
import { deadLetterTopic } from './kafka-topics.ts';

/** What a cluster is, and how many partitions those of our topics have that are there. */
export type KafkaLook = Readonly<{ cluster: string; partitions: ReadonlyMap<string, number> }>;

/** Looks without making anything. @param topics those of consumers: their dead letters are looked at too @throws `unavailable` */
export async function lookAtKafka(
  settings: KafkaSettings,
  topics: readonly string[],
  name: string,
  log: Log,
): Promise<KafkaLook> {
  const admin = kafkaClient(settings, name, log).admin();
  try {
    await admin.connect();
    const { clusterId } = await admin.describeCluster();
    const there = new Set(await admin.listTopics());
    const ours = topics.flatMap((topic) => [topic, deadLetterTopic(topic)]).filter((one) => there.has(one));
    const { topics: found } =
      ours.length === 0 ? { topics: [] } : await admin.fetchTopicMetadata({ topics: ours });
    return {
      cluster: clusterId,
      partitions: new Map(found.map(({ name: topic, partitions }) => [topic, partitions.length])),
    };
  } catch (error) {
    throw translateKafkaError(error);
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}
