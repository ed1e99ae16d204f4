/** Which engines a test run has: given by their URLs, started for the run, or lacking with the reason. */
import type { SharedEngine } from './engine.ts';
import { lackingDocker, startEventStoreDb } from './event-store-db.ts';
import { lacking } from './fetch.ts';
import { startKafka } from './kafka.ts';
import { startRegistry } from './registry.ts';
import { requiredEngines } from './required.ts';

type Starter = Readonly<{
  /** Names one that runs already. */
  variable: string;
  /** What it lacks on this machine, in words. */
  lacking(): Promise<string | null>;
  start(): Promise<SharedEngine>;
}>;

/** Engines by name. */
export const engines = {
  kafka: { variable: 'KAFKA_BROKERS', lacking, start: startKafka },
  registry: { variable: 'SCHEMA_REGISTRY_URL', lacking, start: startRegistry },
  eventstoredb: { variable: 'EVENTSTORE_URL', lacking: lackingDocker, start: startEventStoreDb },
} as const satisfies Readonly<Record<string, Starter>>;

export type EngineName = keyof typeof engines;

/** Environment variable by which the run tells its workers why an engine is not there. */
const absenceOf = (name: EngineName): string => `DAYBOOK_TEST_NO_${name.toUpperCase()}`;

/**
 * Starts the engines that are not given, and puts their URLs, or why they are not there, into the environment.
 * Answers with the stop. An engine that is there for certain and does not start fails the run.
 * @throws also where `REQUIRE_ENGINES` names one that this machine cannot start
 */
export async function startSharedEngines(): Promise<() => Promise<void>> {
  const missing = (Object.keys(engines) as EngineName[]).filter(
    (name) => (process.env[engines[name].variable] ?? '') === '',
  );
  const reasons = await Promise.all(missing.map((name) => engines[name].lacking()));
  const absent = missing.flatMap((name, n) => {
    const reason = reasons[n] ?? null;
    return reason === null ? [] : [{ name, reason }];
  });
  const required = absent.filter(({ name }) => requiredEngines().includes(name));
  if (required.length > 0) {
    const each = required.map(({ name, reason }) => `${name}: ${reason}`);
    throw new Error(`Required engines are not to be had: ${each.join('; ')}.`);
  }
  for (const { name, reason } of absent) process.env[absenceOf(name)] = reason;
  const startable = missing.filter((_, n) => reasons[n] === null);
  const outcomes = await Promise.allSettled(startable.map((name) => startInto(name)));
  const started = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const stop = async (): Promise<void> => {
    await Promise.all(started.map((engine) => engine.stop()));
  };
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') continue;
    await stop();
    throw outcome.reason;
  }
  return stop;
}

/** The URL of the run's engine, or why there is none. */
export function sharedEngine(name: EngineName): { url: string } | { absent: string } {
  const url = process.env[engines[name].variable];
  if (url !== undefined && url !== '') return { url };
  const absent = process.env[absenceOf(name)];
  return { absent: absent ?? 'engines are started by "npm run test:engines"' };
}

async function startInto(name: EngineName): Promise<SharedEngine> {
  const engine = await engines[name].start();
  process.env[engines[name].variable] = engine.url;
  return engine;
}
