import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { startEngine, type Engine } from './engine.ts';
import { fetchApicurio } from './fetch.ts';
import { engineVersions } from './versions.ts';

/** Starts a schema registry of its own, kept in memory; `url` is what `SCHEMA_REGISTRY_URL` takes. */
export async function startRegistry(): Promise<Engine> {
  const folder = await fetchApicurio(engineVersions.apicurio);
  const runner = (await readdir(folder)).find((name) => name.endsWith('-runner.jar'));
  if (runner === undefined) throw new Error(`There is no runner in ${folder}.`);
  return startEngine({
    name: 'registry',
    ports: 1,
    prepare: () => Promise.resolve(),
    command: (_, [port]) => [
      'java',
      ...['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'],
      ...['-Dquarkus.http.host=127.0.0.1', `-Dquarkus.http.port=${String(port)}`],
      ...['-jar', join(folder, runner)],
    ],
    url: ([port]) => `http://127.0.0.1:${String(port)}/apis/ccompat/v7`,
    answers: registryAnswers,
  });
}

/** Throws where no registry answers at a URL. */
export async function registryAnswers(url: string): Promise<void> {
  const answer = await fetch(`${url}/subjects`, { signal: AbortSignal.timeout(5_000) });
  await answer.arrayBuffer();
  if (!answer.ok) throw new Error(`The registry answers with ${String(answer.status)}.`);
}
