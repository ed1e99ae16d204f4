import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { z } from 'zod';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { developmentSecret } from './development-secrets.ts';
import { weakness } from './secret-strength.ts';
import { variablesOf, type PlacedVariable } from './variable.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A read-only view of a configuration, all the way down. */
export type Config<T> = { readonly [K in keyof T]: T[K] extends object ? Config<T[K]> : T[K] };

type Found = Readonly<{ text?: string; problems: readonly string[] }>;

/**
 * Reads a service's whole configuration once: every variable also as `<NAME>_FILE`, empty ones count as absent.
 * Outside production missing secrets are made and kept in the data folder; in production a missing, weak or
 * forbidden one stops. The result is frozen.
 * @throws `configuration-invalid` with all problems in its message; no value of a variable is in it
 */
export function loadConfig<S extends z.ZodObject>(schema: S, env: Environment): Config<z.output<S>> {
  const production = lookUp('NODE_ENV', env).text === 'production';
  const dataFolder = resolve(lookUp('DAYBOOK_DATA', env).text ?? '.daybook');
  const placed = variablesOf(schema);
  const problems: string[] = [];
  const tree: Tree = {};
  for (const variable of placed) {
    const found = find(variable, env, production, dataFolder);
    problems.push(...found.problems);
    if (found.text !== undefined) set(tree, variable.path, found.text);
    else ensureParents(tree, variable.path);
  }
  problems.push(...openUnnamed(placed, env));
  const parsed = schema.safeParse(tree);
  for (const issue of parsed.error?.issues ?? []) {
    const problem = describe(placed, issue);
    const name = problem.slice(0, problem.indexOf(':'));
    if (!problems.some((known) => known.startsWith(`${name}:`) || known.startsWith(`${name}_FILE:`))) {
      problems.push(problem);
    }
  }
  if (!parsed.success || problems.length > 0) throw invalid(problems);
  return freeze(parsed.data);
}

/** What development makes easy, such as answering with mailed tokens, is not opened to a network by forgetting a name. */
function openUnnamed(placed: readonly PlacedVariable[], env: Environment): readonly string[] {
  const host = lookUp('HOST', env).text ?? 'localhost';
  const listens = placed.some(({ facts }) => facts.name === 'HOST');
  if (!listens || lookUp('NODE_ENV', env).text !== undefined || isLoopback(host)) return [];
  return ['NODE_ENV: must be given where HOST opens the interface to a network'];
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d+){3}$/.test(host);
}

function find(variable: PlacedVariable, env: Environment, production: boolean, dataFolder: string): Found {
  const { facts } = variable;
  const given = [facts.name, ...(facts.aliases ?? [])].map((name) => lookUp(name, env));
  const texts = given.flatMap(({ text }) => (text === undefined ? [] : [text]));
  const problems = given.flatMap((found) => found.problems);
  const [text] = texts;
  if (texts.some((other) => other !== text)) {
    problems.push(`${facts.name}: is given differently as ${(facts.aliases ?? []).join(', ')}`);
  }
  if (problems.length > 0) return { problems };
  if (text !== undefined) return { text, problems: production ? productionProblems(variable, text) : [] };
  if (production) {
    return { problems: facts.production === 'required' ? [`${facts.name}: is required in production`] : [] };
  }
  if (facts.generate !== undefined) {
    return { text: developmentSecret(dataFolder, facts.name, facts.generate), problems: [] };
  }
  return {
    ...(facts.outsideProduction === undefined ? {} : { text: facts.outsideProduction }),
    problems: [],
  };
}

function lookUp(name: string, env: Environment): Found {
  const direct = present(env[name]);
  const file = present(env[`${name}_FILE`]);
  if (file === undefined) return { ...(direct === undefined ? {} : { text: direct }), problems: [] };
  if (direct !== undefined) return { problems: [`${name}: is given twice, also as ${name}_FILE`] };
  try {
    const text = present(readFileSync(file, 'utf8').replace(/\r?\n$/, ''));
    return text === undefined ? { problems: [`${name}_FILE: the file is empty`] } : { text, problems: [] };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'error';
    return { problems: [`${name}_FILE: the file cannot be read (${code})`] };
  }
}

function present(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === '' ? undefined : text;
}

function productionProblems({ facts }: PlacedVariable, text: string): readonly string[] {
  if (facts.production === 'forbidden') return [`${facts.name}: is not accepted in production`];
  const weak = facts.secret === 'ours' ? weakness(text) : null;
  return weak === null ? [] : [`${facts.name}: ${weak}`];
}

function describe(placed: readonly PlacedVariable[], issue: z.core.$ZodIssue): string {
  const at = issue.path.map(String);
  const variable = placed.find(({ path }) => path.every((part, index) => part === at[index]));
  const missing =
    issue.code === 'invalid_type' && issue.input === undefined && !issue.message.startsWith('must');
  return `${variable?.facts.name ?? at.join('.')}: ${missing ? 'is missing' : issue.message}`;
}

function invalid(problems: readonly string[]): DaybookError {
  const unique = [...new Set(problems)];
  const lines = unique.map((problem) => `\n  ${problem}`).join('');
  return new DaybookError('configuration-invalid', `The configuration is not usable:${lines}`, {
    fields: { problems: unique.join('; ') },
  });
}

type Tree = { [key: string]: Tree | string };

function ensureParents(tree: Tree, path: readonly string[]): Tree {
  let at = tree;
  for (const part of path.slice(0, -1)) at = (at[part] ??= {}) as Tree;
  return at;
}

function set(tree: Tree, path: readonly string[], text: string): void {
  ensureParents(tree, path)[path.at(-1) ?? ''] = text;
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    for (const part of Object.values(value)) freeze(part);
    Object.freeze(value);
  }
  return value;
}
