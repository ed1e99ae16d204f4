/** A system under load whose topics are in a Kafka of its own, with a proxy before each engine, and a database that outlives it. */
import { randomBytes } from 'node:crypto';
import type { Database } from '@daybook/infra/database/database.ts';
import { startKafka } from '../engines/kafka.ts';
import type { Engine } from '../engines/engine.ts';
import { freshDatabase } from '../support/postgres.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { openArena, type Arena } from './arena.ts';

export type KafkaArena = Arena &
  Readonly<{
    broker: Engine;
    /** On every way to the broker but its own. */
    network: Proxy;
    /** On the way to the registry. */
    registryNetwork: Proxy;
    /** What names the engines, for commands and for whoever looks into the topics. */
    env: Readonly<Record<string, string>>;
    databaseUrl: string;
    /** For looks into it, until the arena closes. */
    database: Database;
  }>;

/** Opens an arena on a new broker and the registry at a URL. */
export async function openKafkaArena(registry: string): Promise<KafkaArena> {
  const fresh = await freshDatabase({ poolSize: 4 });
  const registryNetwork = await startProxy(registry);
  let network: Proxy | undefined;
  const broker = await startKafka({
    advertised: async (port) => {
      network ??= await startProxy(`tcp://127.0.0.1:${String(port)}`);
      return new URL(network.url).host;
    },
  });
  if (network === undefined) throw new Error('The broker was told of no proxy.');
  const proxy = network;
  const env = {
    KAFKA_BROKERS: new URL(proxy.url).host,
    SCHEMA_REGISTRY_URL: registryNetwork.url,
    ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    SERVICE_SECRET: randomBytes(32).toString('base64url'),
  };
  const arena = await openArena({ databaseUrl: fresh.url, env });
  return {
    ...arena,
    broker,
    network: proxy,
    registryNetwork,
    env,
    databaseUrl: fresh.url,
    database: fresh.database,
    close: async () => {
      await fresh.database.close();
      await arena.close();
      await Promise.all([proxy.close(), registryNetwork.close(), broker.stop(), fresh.drop()]);
    },
  };
}
