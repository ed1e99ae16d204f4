import { GenericContainer, getContainerRuntimeClient, Wait } from 'testcontainers';
import type { SharedEngine } from './engine.ts';
import { engineVersions } from './versions.ts';

const port = 2113;

/** What a container lacks on this machine, in words; null where there is Docker, or what stands for it. */
export async function lackingDocker(): Promise<string | null> {
  try {
    await getContainerRuntimeClient();
    return null;
  } catch {
    return 'Docker is not on this machine';
  }
}

/** Starts KurrentDB in a container of its own; `url` is what `EVENTSTORE_URL` takes. There is no other way to have it. */
export async function startEventStoreDb(): Promise<SharedEngine> {
  const image = `docker.kurrent.io/kurrent-latest/kurrentdb:${engineVersions.kurrentdb}`;
  const container = await new GenericContainer(image)
    .withEnvironment({
      KURRENTDB_INSECURE: 'true',
      KURRENTDB_CLUSTER_SIZE: '1',
      KURRENTDB_STATS_PERIOD_SEC: '86400',
    })
    .withExposedPorts(port)
    .withWaitStrategy(Wait.forHttp('/health/live', port).forStatusCodeMatching((code) => code < 300))
    .start();
  return {
    url: `esdb://${container.getHost()}:${String(container.getMappedPort(port))}?tls=false`,
    stop: async () => {
      await container.stop();
    },
  };
}
