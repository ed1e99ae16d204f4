/** The real engines of a bench: its own, never those that somebody named, since it fills them. */
import { startKafka } from '../engines/kafka.ts';
import { startRegistry } from '../engines/registry.ts';

/** Running engines, as settings name them. */
export type BenchEngines = Readonly<{
  /** `host:port`. */
  broker: string;
  registryUrl: string;
  close(): Promise<void>;
}>;

/** Starts a broker and a registry, fresh. @throws where one of them does not start; the other is stopped then */
export async function startBenchEngines(): Promise<BenchEngines> {
  const outcomes = await Promise.allSettled([startKafka(), startRegistry()]);
  const started = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const close = async (): Promise<void> => {
    await Promise.all(started.map((engine) => engine.stop()));
  };
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') continue;
    await close();
    throw outcome.reason;
  }
  const [broker = '', registryUrl = ''] = started.map(({ url }) => url);
  return { broker, registryUrl, close };
}
