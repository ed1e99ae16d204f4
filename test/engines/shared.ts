/** Which engines a test run has: given by their URLs, started for the run, or lacking with the reason. */
import type { Engine } from './engine.ts';
import { lacking } from './fetch.ts';
import { startKafka } from './kafka.ts';
import { startRegistry } from './registry.ts';
import { requiredEngines } from './required.ts';

/** Engines by name: how one is started, and the variable that names one that runs already. */
export const engines = {
  kafka: { variable: 'KAFKA_BROKERS', start: startKafka },
  registry: { variable: 'SCHEMA_REGISTRY_URL', start: startRegistry },
} as const;

export type EngineName = keyof typeof engines;

export const isEngineName = (name: string): name is EngineName => name in engines;

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
  const reason = missing.length === 0 ? null : await lacking();
  if (reason !== null) {
    const required = requiredEngines().filter((name) => missing.some((one) => one === name));
    if (required.length > 0) throw new Error(`Required engines ${required.join(', ')}: ${reason}.`);
    for (const name of missing) process.env[absenceOf(name)] = reason;
    return () => Promise.resolve();
  }
  const outcomes = await Promise.allSettled(missing.map((name) => startInto(name)));
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

async function startInto(name: EngineName): Promise<Engine> {
  const engine = await engines[name].start();
  process.env[engines[name].variable] = engine.url;
  return engine;
}
