import { startKafka } from '../engines/kafka.ts';
import type { Engine } from '../engines/engine.ts';
import { startStandIn } from '../fakes/event-store-db/server.ts';
import type { Mode } from '../support/system.ts';
import { openStage, type Stage } from './stage.ts';

/** A stage on EventStoreDB's stand-in, Kafka and a registry. */
export type EnginesStage = Readonly<{
  stage: Stage;
  /** Its own, since its topics are this installation's alone. */
  kafka: Engine;
  close: () => Promise<void>;
}>;

/** Opens one beside the registry of the run. */
export async function openOnEngines(mode: Mode, registry: string): Promise<EnginesStage> {
  const [store, kafka] = await Promise.all([startStandIn(), startKafka()]);
  const stopEngines = async (): Promise<void> => {
    await Promise.all([store.stop(), kafka.stop()]);
  };
  try {
    const stage = await openStage(mode, {
      EVENTSTORE_URL: store.url,
      KAFKA_BROKERS: kafka.url,
      SCHEMA_REGISTRY_URL: registry,
    });
    return {
      stage,
      kafka,
      close: async () => {
        await stage.close();
        await stopEngines();
      },
    };
  } catch (error) {
    await stopEngines();
    throw error;
  }
}
