/** The files by which Daybook is deployed: each fits the schema of what reads it, and names settings that exist. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { root } from '../support/source-files.ts';

type Workload = {
  kind: string;
  metadata: { name: string };
  spec: { selector?: object; serviceName?: string; template: { spec: object } };
};

const deploy = join(root, 'infra/deploy');
const file = (path: string): string => readFileSync(join(deploy, path), 'utf8');
const base = 'kubernetes/base';
const overlays = ['small', 'production'].map((name) => `kubernetes/overlays/${name}`);

/** Schemas of Kubernetes and of Compose, from PyPI. */
const tools = join(root, 'node_modules/.cache/deploy-schemas-1');
const packages = ['kubernetes-validate==1.37.0', 'docker-compose==1.29.2'] as const;

/** Python with pip, from which the schemas come. Without it they are skipped; a `.ci/run` always has it. */
const hasPython = spawnSync('python3', ['-m', 'pip', '--version']).status === 0;
const testSchema = hasPython ? test : test.skip;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'daybook-deploy-'));
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
}, 180_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

function python(...args: readonly string[]): string {
  return execFileSync('python3', args, {
    encoding: 'utf8',
    stdio: 'pipe',
    env: { ...process.env, PYTHONPATH: tools },
  });
}

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

const kustomization = (of: string) =>
  parse(file(`${of}/kustomization.yaml`)) as {
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
      const texts = [...resources, `${base}/secrets.example.yaml`].map(file);
      expect(await againstKubernetes(texts)).toBe('');
    },
    60_000,
  );

  testSchema(
    'patches fit the schemas of what they are laid over',
    async () => {
      const texts = patches.map(({ path, kind }) => {
        const patch = parse(file(path)) as Workload;
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
    const wrong = file(`${base}/sagas.yaml`).replace('replicas: 2', 'replica: 2');
    expect(await againstKubernetes([wrong])).toContain("'replica' was unexpected");
  });

  test('every file is part of a kustomization, or an example', () => {
    const named = new Set([...resources, ...patches.map(({ path }) => path)]);
    const all = [base, ...overlays].flatMap((of) =>
      readdirSync(join(deploy, of)).map((name) => `${of}/${name}`),
    );
    const loose = all.filter((path) => !named.has(path) && !path.endsWith('kustomization.yaml'));
    expect(loose).toEqual([`${base}/secrets.example.yaml`]);
  });
});

testSchema(
  'compose.yaml fits the schema of Compose',
  async () => {
    const path = join(folder, 'compose.json');
    // The schema is older than the name of a project.
    const { name: _, ...rest } = parse(file('compose.yaml'), { merge: true }) as { name: string };
    await writeFile(path, JSON.stringify(rest));
    const check = `
import json, sys, jsonschema
jsonschema.validate(json.load(open(sys.argv[1])), json.load(open(sys.argv[2])))`;
    const schema = join(tools, 'compose/config/compose_spec.json');
    python('-c', check, path, schema);
    await writeFile(path, JSON.stringify({ services: { one: { imag: 'daybook' } } }));
    expect(() => python('-c', check, path, schema)).toThrow('imag');
  },
  60_000,
);

/** Names of settings, also as files. */
const settings = new Set(
  [
    ...readFileSync(join(root, 'docs/reference/configuration.md'), 'utf8').matchAll(/^- `([A-Z_]+)`/gm),
  ].flatMap(([, name = '']) => [name, `${name}_FILE`]),
);

test('what the files set are settings of Daybook', () => {
  const { services } = parse(file('compose.yaml'), { merge: true }) as {
    services: Record<string, { image: string; environment?: Record<string, string> }>;
  };
  const ours = Object.values(services).filter(({ image }) => image === 'daybook');
  expect(ours).toHaveLength(6);
  const [{ data }] = parseAllDocuments(file(`${base}/configuration.yaml`)).map(
    (document) => document.toJS() as { data: Record<string, string> },
  ) as [{ data: Record<string, string> }];
  const docker = [...file('Dockerfile').matchAll(/^ENV (.+)$/gm)].flatMap(([, line = '']) =>
    line.split(' ').map((pair) => pair.split('=', 1)[0] ?? ''),
  );
  const names = [
    ...ours.flatMap(({ environment = {} }) => Object.keys(environment)),
    ...Object.keys(data),
    ...docker,
  ];
  expect(names.filter((name) => !settings.has(name))).toEqual([]);
  expect(docker).toContain('NODE_ENV');
});

test('the image holds every package, under the Node that the project is tried on, and runs as nobody in particular', () => {
  const text = file('Dockerfile');
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
