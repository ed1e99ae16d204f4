import type { TopicEngine } from '@daybook/infra/topics/topic-engine.ts';

/** An engine whose topics have other names at the broker, so that several subjects share one. */
export function renamed(engine: TopicEngine, prefix: string): TopicEngine {
  const own = (topic: string): string => prefix + topic;
  const back = (topic: string | null): string | null => topic?.slice(prefix.length) ?? null;
  return {
    ...engine,
    ensure: (topic, settings) => engine.ensure(own(topic), settings),
    partitions: (topic) => engine.partitions(own(topic)),
    publish: (topic, messages) => engine.publish(own(topic), messages),
    ledger: (topic, group, member) => engine.ledger(own(topic), group, member),
    deadLetters: async (topic, ...window) =>
      (await engine.deadLetters(own(topic), ...window)).map((letter) => ({ ...letter, topic })),
    release: async (id) => back(await engine.release(id)),
    skip: async (id) => back(await engine.skip(id)),
    setAside: (topic, group, messages) => engine.setAside(own(topic), group, messages),
    forget: (topic, group) => engine.forget(own(topic), group),
    lag: (topic, group) => engine.lag(own(topic), group),
  };
}
