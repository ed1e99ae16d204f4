import { existsSync, globSync, readdirSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { anchors, npmScripts, relativeLinks, repositoryPaths, tablePaths } from './markdown.ts';
import { missingTests, rowsWithoutTest } from './named-tests.ts';
import {
  filesBelow,
  packages,
  root,
  textOf,
  undocumentedFunctions,
} from '@daybook/test/support/source-files.ts';

const pages = ['README.md', 'CONTRIBUTING.md', ...filesBelow('docs', ['.md'])];
const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
const folders = [...packages, 'docs', 'console'];

/** Whether a path from the root is there; `<name>` and `*` match anything, `{a,b}` both. */
function exists(path: string): boolean {
  if (!/[<*{]/.test(path)) return existsSync(join(root, path));
  return globSync(path.replaceAll(/<[^>]*>/g, '*'), { cwd: root }).length > 0;
}

function brokenLinks(page: string, text: string): readonly string[] {
  return relativeLinks(text).flatMap(({ target, anchor }) => {
    const path = target === '' ? page : normalize(join(dirname(page), target));
    if (!existsSync(join(root, path))) return [`${target}: there is no ${path}`];
    const known = anchor === '' || anchors(path === page ? text : textOf(path)).has(anchor);
    return known ? [] : [`${target}#${anchor}: ${path} has no such heading`];
  });
}

function missingPaths(page: string, text: string): readonly string[] {
  const named = repositoryPaths(text, folders);
  // The page of a package lists its files by their paths within it.
  const own = basename(page, '.md');
  const listed =
    dirname(page) === 'docs/explanation' && packages.includes(own)
      ? tablePaths(text).map((path) => `${own}/${path}`)
      : [];
  return [...named, ...listed].filter((path) => !exists(path));
}

describe.each(pages)('%s', (page) => {
  const text = existsSync(join(root, page)) ? textOf(page) : '';

  test('is there, and its links lead to pages and headings that are there', () => {
    expect(text).not.toBe('');
    expect(brokenLinks(page, text)).toEqual([]);
  });

  test('names files that are there', () => {
    expect(missingPaths(page, text)).toEqual([]);
  });

  test('names npm scripts that are there', () => {
    expect(npmScripts(text).filter((name) => scripts[name] === undefined)).toEqual([]);
  });
});

describe('a page of explanation', () => {
  const firstCells = (page: string): readonly string[] =>
    [...textOf(page).matchAll(/^\| *`([^`]+)`/gm)].map(([, name = '']) => name);

  test('of infra lists every folder of it', () => {
    const folders = readdirSync(join(root, 'infra'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name !== 'node_modules')
      .map(({ name }) => `${name}/`);
    expect(firstCells('docs/explanation/infra.md')).toEqual(expect.arrayContaining(folders));
  });

  test('of infra names every schema of the database', () => {
    const page = textOf('docs/explanation/infra.md');
    const created = filesBelow('infra/database/migrations', ['.sql']).flatMap((path) =>
      [...textOf(path).matchAll(/^create schema (?:if not exists )?(\w+)/gm)].map(([, name = '']) => name),
    );
    expect(created.length).toBeGreaterThanOrEqual(8);
    for (const name of created) expect(page).toContain(`\`${name}\``);
  });

  test('of the command line lists every command', () => {
    const commands = [...textOf('cli/program.ts').matchAll(/\bprogram\s*\.command\('([\w-]+)'\)/g)];
    const listed = firstCells('docs/explanation/cli.md').map((name) => name.split(' ')[0]);
    expect(commands.length).toBeGreaterThanOrEqual(13);
    expect(listed).toEqual(expect.arrayContaining(commands.map(([, name]) => name)));
  });

  test.each(['command-service', 'projectors', 'query-service', 'sagas'])(
    'of %s lists every capability in it',
    (name) => {
      const listed = firstCells(`docs/explanation/${name}.md`);
      const capabilities = readdirSync(join(root, 'schemas'), { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && existsSync(join(root, name, entry.name)))
        .map((entry) => entry.name)
        .filter((folder) => folder !== 'node_modules');
      expect(capabilities.length).toBeGreaterThan(0);
      for (const folder of capabilities)
        expect(listed.filter((path) => path.startsWith(`${folder}/`))).not.toEqual([]);
    },
  );
});

const sources = packages.flatMap((name) => filesBelow(name, ['.ts']));
const production = sources.filter(
  (path) => !path.startsWith('test/') && !/\.(?:spec|specs|fixture|generated)\.ts$/.test(path),
);

describe('the source', () => {
  test('says of every exported function what it does', () => {
    const missing = production.flatMap((path) =>
      undocumentedFunctions(textOf(path)).map((place) => `${path}:${place}`),
    );
    expect(missing).toEqual([]);
  });

  test('has no file of more than 400 lines', () => {
    const long = sources
      .filter((path) => !path.endsWith('.generated.ts'))
      .map((path) => ({ path, lines: textOf(path).trimEnd().split('\n').length }))
      .filter(({ lines }) => lines > 400);
    expect(long).toEqual([]);
  });
});

/** Each opens with its numbered order of execution. */
const loops = [
  'infra/runtime/command-bus.ts',
  'infra/runtime/projector.ts',
  'infra/runtime/process-runner.ts',
  'infra/runtime/timers.ts',
  'infra/runtime/dispatcher.ts',
  'infra/relay/relay.ts',
  'infra/topics/consumer-group-member.ts',
];

test.each(loops)('each step of %s names a test that is there', (path) => {
  const specOf = (name: string): string | undefined => {
    const spec = join(dirname(path), name);
    return existsSync(join(root, spec)) ? textOf(spec) : undefined;
  };
  expect(rowsWithoutTest(textOf(path))).toEqual([]);
  expect(missingTests(textOf(path), specOf)).toEqual([]);
});

describe('the rules above', () => {
  test('find steps that name no test, and tests that are not there', () => {
    const text = [
      '/**',
      ' * 1. read [a.spec.ts "a death after',
      ' *    read"],',
      ' * 2. write [a.spec.ts "gone"], [b.spec.ts "gone too"],',
      ' * 3. answer.',
      ' *',
      ' * The end.',
      ' */',
    ].join('\n');
    const spec = "test.each(['read'])('a death after %s', () => undefined);";
    expect(rowsWithoutTest(text)).toEqual(['3. answer.']);
    expect(rowsWithoutTest('/** No steps. */')).toEqual(['There are no numbered steps.']);
    expect(missingTests(text, (name) => (name === 'a.spec.ts' ? spec : undefined))).toEqual([
      'a.spec.ts "gone"',
      'b.spec.ts "gone too"',
    ]);
  });

  test('find a link to nowhere and an anchor that is none, and leave code alone', () => {
    const text = '# Here\n\n[a](gone.md) [b](#here) [c](#there)\n\n```md\n[d](nowhere.md)\n```\n';
    expect(brokenLinks('docs/README.md', text)).toEqual([
      'gone.md: there is no docs/gone.md',
      '#there: docs/README.md has no such heading',
    ]);
  });

  test('find files and scripts that are not there', () => {
    const text = [
      'Read `kernel/event.ts`, `kernel/gone.ts`, `schemas/<capability>/<Name>.v<N>.avsc`, `infra/*/none.ts`.',
      '```sh',
      'npm run check && npm run --silent nothing',
      'node schemas/tooling/absent.ts',
      '```',
    ].join('\n');
    expect(missingPaths('docs/README.md', text)).toEqual([
      'kernel/gone.ts',
      'infra/*/none.ts',
      'schemas/tooling/absent.ts',
    ]);
    expect(npmScripts(text)).toEqual(['check', 'nothing']);
    expect(
      missingPaths(
        'docs/explanation/kernel.md',
        '| File |\n| - |\n| `event.ts` |\n| `gone.ts` |\n\n| Word |\n| `word` |',
      ),
    ).toEqual(['kernel/gone.ts']);
  });

  test('find exported functions without a comment, and only those', () => {
    const text = [
      '/** Said. */',
      'export function said(): void {}',
      'export function unsaid(): void {}',
      'export const arrow = (): void => undefined;',
      'export const value = 1;',
      'function inner(): void {}',
    ].join('\n');
    expect(undocumentedFunctions(text)).toEqual(['3 unsaid', '4 arrow']);
  });
});
