/** The Compose files: as Compose lays one over the other, they fit its schema, and every service can be started and watched. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { engineVersions } from '../engines/versions.ts';
import {
  composeSchema,
  configurationOf,
  deployFile,
  imageEnvironment,
  installSchemas,
  python,
  testSchema,
  unknownSettings,
} from './deploy-tools.ts';

type Service = Readonly<{
  image: string;
  command?: readonly string[];
  environment?: Readonly<Record<string, string>>;
  depends_on?: Readonly<Record<string, { condition: string }>>;
  healthcheck?: Readonly<{ test?: readonly string[]; disable?: boolean }>;
  networks?: readonly string[];
  ports?: readonly string[];
  volumes?: readonly string[];
  secrets?: readonly string[];
}>;
type Compose = Readonly<{
  services: Readonly<Record<string, Service>>;
  networks: Readonly<Record<string, { internal?: boolean }>>;
  volumes: Readonly<Record<string, unknown>>;
  secrets: Readonly<Record<string, unknown>>;
}>;

/** As Compose merges files: mappings by key, what else the later one says; lists do not meet in ours. */
function laidOver(first: unknown, second: unknown): unknown {
  if (typeof first !== 'object' || typeof second !== 'object' || first === null || second === null) {
    return second ?? first;
  }
  if (Array.isArray(first) || Array.isArray(second)) throw new Error('Lists of both files would be joined.');
  const merged: Record<string, unknown> = { ...first };
  for (const [key, value] of Object.entries(second)) {
    merged[key] = key in merged ? laidOver(merged[key], value) : value;
  }
  return merged;
}

const read = (path: string): Record<string, unknown> => {
  // The schema is older than the name of a project.
  const { name: _, ...rest } = parse(deployFile(path), { merge: true }) as Record<string, unknown>;
  return rest;
};
const alone = read('compose.yaml') as unknown as Compose;
const whole = laidOver(read('compose.yaml'), read('compose.override.yaml')) as Compose;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'daybook-compose-'));
  await installSchemas();
}, 180_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

const ours = ({ services }: Compose): readonly [string, Service][] =>
  Object.entries(services).filter(([, { image }]) => image.startsWith('daybook:'));

/** Services that nobody could tell to be well: without a check of their health, unless they end. */
function unwatched({ services }: Compose): readonly string[] {
  const ending = new Set(
    Object.values(services).flatMap(({ depends_on = {} }) =>
      Object.entries(depends_on).flatMap(([name, { condition }]) =>
        condition === 'service_completed_successfully' ? [name] : [],
      ),
    ),
  );
  return Object.entries(services)
    .filter(([name, { healthcheck }]) => (healthcheck?.test ?? []).length < 2 && !ending.has(name))
    .map(([name]) => name);
}

/** Images without a version of at least two numbers, which another pull may change. */
const unpinned = ({ services }: Compose): readonly string[] =>
  Object.values(services)
    .map(({ image }) => image)
    .filter((image) => !/:v?\d+\.\d+(\.\d+)?(-[\w.]+)?$/.test(image));

describe.each([
  ['PostgreSQL alone', alone],
  ['all engines', whole],
])('Compose, %s', (_, compose) => {
  testSchema(
    'fits the schema',
    async () => {
      const path = join(folder, 'compose.json');
      await writeFile(path, JSON.stringify(compose));
      const check = `
import json, sys, jsonschema
jsonschema.validate(json.load(open(sys.argv[1])), json.load(open(sys.argv[2])))`;
      python('-c', check, path, composeSchema);
      await writeFile(path, JSON.stringify({ services: { one: { imag: 'daybook' } } }));
      expect(() => python('-c', check, path, composeSchema)).toThrow('imag');
    },
    60_000,
  );

  test('every service has a check of its health or ends, and an image of one version', () => {
    expect(unwatched(compose)).toEqual([]);
    expect(unpinned(compose)).toEqual([]);
  });

  test('each of the six processes of Daybook gets settings that it starts with', async () => {
    const services = ours(compose);
    expect(services.map(([, { command }]) => command?.join(' '))).toEqual([
      'migrate',
      ...['command-service', 'query-service', 'projectors', 'sagas', 'scrapers'].map((name) => `run ${name}`),
    ]);
    for (const [, { environment = {} }] of services) {
      expect(unknownSettings(Object.keys(environment))).toEqual([]);
      // Compose puts a default there.
      const filled = Object.entries(environment).map(([name, value]) => [
        name,
        value.replace(/^\$\{\w+:-(.*)\}$/, '$1'),
      ]);
      const config = await configurationOf(
        { ...imageEnvironment(), ...(Object.fromEntries(filled) as Record<string, string>) },
        folder,
      );
      expect(config.installation.environment).toBe('production');
    }
  });

  test('waits for services, and names networks, volumes and secrets, that there are', () => {
    for (const service of Object.values(compose.services)) {
      for (const [name, { condition }] of Object.entries(service.depends_on ?? {})) {
        expect(compose.services[name]).toBeDefined();
        if (condition === 'service_healthy') expect(compose.services[name]?.healthcheck?.test).toBeDefined();
      }
      const named = (service.volumes ?? []).map((volume) => volume.split(':', 1)[0]);
      expect(Object.keys(compose.volumes)).toEqual(expect.arrayContaining(named));
      expect(Object.keys(compose.secrets)).toEqual(expect.arrayContaining([...(service.secrets ?? [])]));
      const known = [...Object.keys(compose.networks), 'default'];
      expect(known).toEqual(expect.arrayContaining([...(service.networks ?? [])]));
    }
  });

  test('engines are on the inner network alone, and keep what they are told', () => {
    expect(compose.networks['engines']?.internal).toBe(true);
    const engines = Object.entries(compose.services).filter(([, { image }]) => !image.startsWith('daybook:'));
    for (const [, { networks, ports }] of engines)
      expect([networks, ports]).toEqual([['engines'], undefined]);
    // The registry keeps it in Kafka.
    const keeping = engines.filter(([name]) => name !== 'registry');
    for (const [, { volumes = [] }] of keeping) expect(volumes).toHaveLength(1);
  });
});

test('all engines are wired to every service, under the names and ports that they have', async () => {
  const { kafka, registry } = whole.services;
  const advertised = kafka?.environment?.['KAFKA_ADVERTISED_LISTENERS'] ?? '';
  for (const [name, { environment = {}, depends_on = {} }] of ours(whole)) {
    if (name === 'migrate') continue;
    const config = await configurationOf({ ...imageEnvironment(), ...environment, PUBLIC_URL: '' }, folder);
    expect(config.kafka.brokers).toEqual([advertised.replace('PLAINTEXT://', '')]);
    expect(new URL(config.registry.url ?? '').hostname).toBe('registry');
    expect(config.eventStore.url).toMatch(/^esdb:\/\/event-store:2113\?/);
    for (const engine of ['kafka', 'registry', 'event-store']) {
      expect(depends_on[engine]).toEqual({ condition: 'service_healthy' });
    }
  }
  expect(registry?.environment?.['APICURIO_KAFKASQL_BOOTSTRAP_SERVERS']).toBe(
    advertised.replace('PLAINTEXT://', ''),
  );
});

test('the engines are those that the tests run on', () => {
  const { database, kafka, registry } = whole.services;
  expect([database?.image, kafka?.image, registry?.image]).toEqual([
    `postgres:${engineVersions.postgres}`,
    `apache/kafka:${engineVersions.kafka}`,
    `apicurio/apicurio-registry:${engineVersions.apicurio}`,
  ]);
});

test('a service without a check, and an image that may change, are found', () => {
  const service = (image: string): Service => ({ image, healthcheck: { test: ['CMD', 'true'] } });
  const images = ['one', 'one:latest', 'one:18', 'host:5000/one', 'one:1.2', 'host:5000/one:1.2.3-slim'];
  const compose = { ...alone, services: Object.fromEntries(images.map((image) => [image, service(image)])) };
  expect(unpinned(compose)).toEqual(images.slice(0, 4));
  const services = {
    ...alone.services,
    bare: { image: 'one:1.2' },
    off: { image: 'one:1.2', healthcheck: {} },
  };
  expect(unwatched({ ...alone, services })).toEqual(['bare', 'off']);
});
