/** What the specs of `infra/deploy/` share: its files, the schemas of those who read them, and Daybook's own configuration. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test } from '@jest/globals';
import { loadConfig } from '@daybook/infra/config/load.ts';
import { daybookSettings, type DaybookConfig } from '@daybook/infra/config/settings.ts';
import { expectRegistryBeside, kafkaSettings } from '@daybook/infra/topics/open-topics.ts';
import { root } from '../support/source-files.ts';

/** The text of a file below `infra/deploy/`. */
export const deployFile = (path: string): string => readFileSync(join(root, 'infra/deploy', path), 'utf8');

/** Schemas of Kubernetes and of Compose, from PyPI. */
const tools = join(root, 'node_modules/.cache/deploy-schemas-1');
const packages = ['kubernetes-validate==1.37.0', 'docker-compose==1.29.2'] as const;

/** Compose's own schema. */
export const composeSchema = join(tools, 'compose/config/compose_spec.json');

/** Python with pip, from which the schemas come. Without it they are skipped; a `.ci/run` always has it. */
const hasPython = spawnSync('python3', ['-m', 'pip', '--version']).status === 0;
export const testSchema = hasPython ? test : test.skip;

/** Installs the schemas, once a checkout, beside the project alone. */
export async function installSchemas(): Promise<void> {
  if (!hasPython || existsSync(join(tools, 'done'))) return;
  const pip = [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--root-user-action=ignore',
    '--upgrade',
    '--target',
    tools,
  ];
  // Nothing of the system's own Python is touched.
  const env = { ...process.env, PIP_BREAK_SYSTEM_PACKAGES: '1' };
  execFileSync('python3', [...pip, packages[0]], { stdio: 'pipe', env });
  // For its schema alone: what it needs to run is long outdated.
  execFileSync('python3', [...pip, '--no-deps', packages[1]], { stdio: 'pipe', env });
  await writeFile(join(tools, 'done'), '');
}

/** Runs Python with the schemas at hand. @throws with its output where it fails */
export function python(...args: readonly string[]): string {
  return execFileSync('python3', args, {
    encoding: 'utf8',
    stdio: 'pipe',
    env: { ...process.env, PYTHONPATH: tools },
  });
}

/** Names of settings, also as files. */
const settings = new Set(
  [
    ...readFileSync(join(root, 'docs/reference/configuration.md'), 'utf8').matchAll(/^- `([A-Z_]+)`/gm),
  ].flatMap(([, name = '']) => [name, `${name}_FILE`]),
);

/** Node's own, by which it trusts further authorities. */
const ofNode = new Set(['NODE_EXTRA_CA_CERTS']);

/** Names that no setting has. */
export const unknownSettings = (names: readonly string[]): readonly string[] =>
  names.filter((name) => !settings.has(name) && !ofNode.has(name));

/** What a deployment's secrets may hold, by the names of their files. */
const secrets: Readonly<Record<string, string>> = {
  'database-url': 'postgres://daybook:a-password@database:5432/daybook',
  'encryption-key': Buffer.from(Array.from({ length: 32 }, (_, n) => (n * 37) % 251)).toString('base64'),
  'service-secret': 'k3Vn8qZt5WcY1rLpA7sJd0HgXbEuMfRo',
  'eventstore-url': 'esdb://daybook:a-password@event-store.engines:2113?tls=true',
  'schema-registry-url': 'https://daybook:a-password@registry.engines/apis/ccompat/v7',
  'kafka-password': 'a-password',
  'kafka-ca.pem': '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
};

/**
 * What Daybook makes of an environment, with secrets of the usual form in its files.
 * @param folder for the files
 * @throws `configuration-invalid`, as a start does
 */
export async function configurationOf(
  environment: Readonly<Record<string, string>>,
  folder: string,
): Promise<DaybookConfig> {
  const placed: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (!name.endsWith('_FILE')) {
      placed[name] = value;
      continue;
    }
    const path = join(folder, basename(value));
    const text = secrets[basename(value)];
    if (text === undefined) throw new Error(`No secret is called ${basename(value)}.`);
    await writeFile(path, text);
    placed[name] = path;
  }
  const config = loadConfig(daybookSettings, placed);
  kafkaSettings(config.kafka);
  expectRegistryBeside(config);
  return config;
}

/** `ENV` of the image. */
export function imageEnvironment(): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...deployFile('Dockerfile').matchAll(/^ENV (.+)$/gm)].flatMap(([, line = '']) =>
      line.split(' ').map((pair) => pair.split('=', 2) as [string, string]),
    ),
  );
}
