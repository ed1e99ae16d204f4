import type { Admin } from 'kafkajs';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { EngineProbe } from '../engines/engine-watch.ts';
import { kafkaClient, translateKafkaError, type KafkaSettings } from './kafka-client.ts';

/** Asks a cluster who leads it, on a connection that is kept; what fails is not repeated, but asked anew the next time. */
export function kafkaProbe(settings: KafkaSettings, name: string, log: Log): EngineProbe {
  const kafka = kafkaClient(settings, `${name} readiness`, log);
  let connected: Promise<Admin> | undefined;
  const connect = async (): Promise<Admin> => {
    const admin = kafka.admin({ retry: { retries: 0 } });
    await admin.connect();
    return admin;
  };
  const leave = async (former = connected): Promise<void> => {
    connected = undefined;
    await former?.then((admin) => admin.disconnect()).catch(() => undefined);
  };
  return {
    name: 'Kafka',
    look: async () => {
      const asked = (connected ??= connect());
      try {
        await (await asked).describeCluster();
      } catch (error) {
        await leave(asked);
        throw translateKafkaError(error);
      }
    },
    close: leave,
  };
}
