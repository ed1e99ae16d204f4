/** The files by which Daybook is deployed: each fits the schema of what reads it, and names settings that exist. */
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { metricsRegistry } from '@daybook/infra/telemetry/metrics.ts';
import { topicContracts } from '@daybook/schemas/contracts.ts';
import { root } from '../support/source-files.ts';
import {
  configurationOf,
  deployFile,
  imageEnvironment,
  installSchemas,
  python,
  testSchema,
  unknownSettings,
} from './deploy-tools.ts';

type Workload = {
  kind: string;
  metadata: { name: string };
  spec: { selector?: object; serviceName?: string; template: { spec: object } };
};

const deploy = join(root, 'infra/deploy');
const base = 'kubernetes/base';
const overlays = ['small', 'production', 'engines'].map((name) => `kubernetes/overlays/${name}`);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'daybook-deploy-'));
  await installSchemas();
}, 180_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What Kubernetes' schemas say against documents: those of the wrong form, and those with a field that no schema knows. */
async function againstKubernetes(documents: readonly string[]): Promise<string> {
  const path = join(folder, 'documents.yaml');
  await writeFile(path, documents.join('\n---\n'));
  try {
    python('-m', 'kubernetes_validate', '--strict', '--quiet', path);
    return '';
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    return `${stdout ?? ''}${stderr ?? ''}`;
  }
}

/** Not applied: they say what secrets have to hold. */
const examples = [base, 'kubernetes/overlays/engines'].map((of) => `${of}/secrets.example.yaml`);

const kustomization = (of: string) =>
  parse(deployFile(`${of}/kustomization.yaml`)) as {
    resources: string[];
    patches?: { path: string; target: { kind: string } }[];
  };

const resources = [base, ...overlays].flatMap((of) =>
  kustomization(of).resources.flatMap((path) => (path.endsWith('.yaml') ? [`${of}/${path}`] : [])),
);
const patches = [base, ...overlays].flatMap((of) =>
  (kustomization(of).patches ?? []).map(({ path, target }) => ({ path: `${of}/${path}`, kind: target.kind })),
);

describe('Kubernetes', () => {
  testSchema(
    'resources fit the schemas',
    async () => {
      const texts = [...resources, ...examples].map(deployFile);
      expect(await againstKubernetes(texts)).toBe('');
    },
    60_000,
  );

  testSchema(
    'patches fit the schemas of what they are laid over',
    async () => {
      const texts = patches.map(({ path, kind }) => {
        if (kind === 'ConfigMap') return deployFile(path);
        const patch = parse(deployFile(path)) as Workload;
        const apiVersion = kind === 'Job' ? 'batch/v1' : 'apps/v1';
        const needs = kind === 'Job' ? {} : { selector: {}, serviceName: 'any' };
        const whole = { ...patch, apiVersion, kind, spec: { ...needs, ...patch.spec } };
        if (kind !== 'StatefulSet') delete whole.spec.serviceName;
        // What is required of a pod, and comes from the resource.
        whole.spec.template.spec = { containers: [{ name: 'daybook' }], ...whole.spec.template.spec };
        return stringify(whole);
      });
      expect(await againstKubernetes(texts)).toBe('');
    },
    60_000,
  );

  testSchema('a field that does not exist is noticed', async () => {
    const wrong = deployFile(`${base}/sagas.yaml`).replace('replicas: 2', 'replica: 2');
    expect(await againstKubernetes([wrong])).toContain("'replica' was unexpected");
  });

  test('the image is of one version', () => {
    const { images } = parse(deployFile(`${base}/kustomization.yaml`)) as { images: { newTag: string }[] };
    for (const { newTag } of images) expect(newTag).toMatch(/^\d+\.\d+\.\d+$/);
    expect(images).toHaveLength(1);
  });

  test('every file is part of a kustomization, or an example', () => {
    const named = new Set([...resources, ...patches.map(({ path }) => path)]);
    const all = [base, ...overlays].flatMap((of) =>
      readdirSync(join(deploy, of)).map((name) => `${of}/${name}`),
    );
    const loose = all.filter((path) => !named.has(path) && !path.endsWith('kustomization.yaml'));
    expect(loose).toEqual(examples);
  });
});

type Pod = Readonly<{
  containers: readonly {
    env?: readonly { name: string; valueFrom?: { fieldRef?: { fieldPath: string } } }[];
    volumeMounts?: readonly { name: string; mountPath: string; subPathExpr?: string }[];
  }[];
  volumes?: readonly { name: string; secret?: { secretName: string } }[];
}>;

const dataOf = (path: string): Readonly<Record<string, string>> =>
  (parse(deployFile(path)) as { data: Record<string, string> }).data;
/** Keys of the secrets that an example names, by the name of the secret. */
const keysOf = (path: string): ReadonlyMap<string, readonly string[]> =>
  new Map(
    parseAllDocuments(deployFile(path)).map((document) => {
      const { metadata, stringData } = document.toJS() as {
        metadata: { name: string };
        stringData: Record<string, string>;
      };
      return [metadata.name, Object.keys(stringData)];
    }),
  );

describe('what the configuration of Kubernetes sets', () => {
  const engines = 'kubernetes/overlays/engines';
  const plain = dataOf(`${base}/configuration.yaml`);
  const withEngines = { ...plain, ...dataOf(`${engines}/configuration.yaml`) };

  test.each([
    ['base', plain],
    ['engines', withEngines],
  ])('%s: is settings of Daybook, with which a service starts', async (_, data) => {
    expect(unknownSettings([...Object.keys(data), ...Object.keys(imageEnvironment())])).toEqual([]);
    const user = data['KAFKA_BROKERS'] === undefined ? {} : { KAFKA_USERNAME: 'projectors' };
    const config = await configurationOf({ ...imageEnvironment(), ...data, ...user }, folder);
    expect(config.installation.environment).toBe('production');
    expect(config.kafka.brokers.length > 0).toBe('KAFKA_USERNAME' in user);
    expect(config.eventStore.url !== undefined).toBe('KAFKA_USERNAME' in user);
  });

  test('files are keys of the secret that is mounted there', () => {
    const known = [base, engines].flatMap((of) => keysOf(`${of}/secrets.example.yaml`).get('daybook') ?? []);
    const files = Object.values(withEngines).filter((value) => value.startsWith('/run/secrets/daybook/'));
    expect(files.length).toBeGreaterThan(5);
    expect(files.map((path) => path.split('/').at(-1)).filter((key) => !known.includes(key ?? ''))).toEqual(
      [],
    );
  });

  test('each service is a user of its own at the brokers, and sees its own password alone', () => {
    const { spec } = (
      parse(deployFile(`${engines}/kafka-user.yaml`)) as { spec: { template: { spec: Pod } } }
    ).spec.template;
    const [container] = spec.containers;
    expect(unknownSettings((container?.env ?? []).map(({ name }) => name))).toEqual([]);
    const [mount] = container?.volumeMounts ?? [];
    expect([mount?.mountPath, mount?.subPathExpr]).toEqual([
      withEngines['KAFKA_PASSWORD_FILE'],
      '$(KAFKA_USERNAME)',
    ]);
    const secret = spec.volumes?.find(({ name }) => name === mount?.name)?.secret?.secretName ?? '';
    const users = keysOf(`${engines}/secrets.example.yaml`).get(secret) ?? [];
    const services = resources.flatMap((path) =>
      parseAllDocuments(deployFile(path))
        .map((document) => document.toJS() as { kind: string; metadata: { name: string } })
        .filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet')
        .map(({ metadata }) => metadata.name),
    );
    expect([...users].sort()).toEqual([...services].sort());
  });

  test('projectors and scrapers grow by metrics that there are and that the adapter serves, up to the partitions', () => {
    type Autoscaler = Readonly<{
      spec: { maxReplicas: number; metrics: readonly { pods: { metric: { name: string } } }[] };
    }>;
    const autoscalers = parseAllDocuments(deployFile('kubernetes/overlays/production/autoscaling.yaml')).map(
      (document) => document.toJS() as Autoscaler,
    );
    const { rules } = parse(deployFile('prometheus/adapter.yml')) as { rules: { seriesQuery: string }[] };
    const served = rules.map(({ seriesQuery }) => seriesQuery.replace(/\{.*/, ''));
    const metrics = autoscalers.flatMap(({ spec }) => spec.metrics.map(({ pods }) => pods.metric.name));
    expect(metrics).toEqual(served);
    for (const name of metrics) expect(metricsRegistry.getSingleMetric(name)).toBeDefined();
    const partitions = Math.max(...topicContracts.map((topic) => topic.partitions));
    for (const { spec } of autoscalers) expect(spec.maxReplicas).toBeLessThanOrEqual(partitions);
  });
});

test('the image holds every package, under the Node that the project is tried on, and runs as nobody in particular', () => {
  const text = deployFile('Dockerfile');
  const { workspaces, dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    workspaces: string[];
    dependencies: { node: string };
  };
  const packed = workspaces.filter((name) => name !== 'test');
  expect(workspaces.indexOf('test')).toBe(9);
  for (const name of packed) expect(text).toContain(`COPY ${name}/package.json ${name}/\n`);
  const ignored = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n');
  for (const name of packed) expect(ignored).toContain(`!${name}`);
  const [major] = dependencies.node.split('.');
  expect(new Set([...text.matchAll(/^FROM node:(\d+)-/gm)].map(([, tag]) => tag))).toEqual(new Set([major]));
  expect(text).toMatch(/^USER node$/m);
  expect(text).not.toMatch(/SECRET|PASSWORD|_KEY/);
});
