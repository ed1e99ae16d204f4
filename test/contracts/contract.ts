/**
 * Contract suites: the promises of a port as data, run against every adapter, and against broken adapters that must
 * fail. A port's suite is a list of clauses; an adapter's spec names the adapter and how to make one.
 */
import { describe, expect, test } from '@jest/globals';

/** One promise of a port. `run` throws where the promise is not kept. */
export type Clause<P> = Readonly<{
  /** kebab-case, unique in its suite: what a broken adapter's test names. */
  name: string;
  /** The promise in one sentence. */
  sentence: string;
  run: (subject: P) => Promise<void>;
}>;

/** A port in a state no clause has touched, and how to give its resources back. */
export type Subject<P> = Readonly<{ port: P; close(): Promise<void> }>;

export type MakeSubject<P> = () => Promise<Subject<P>>;

/** An adapter that breaks one promise on purpose, and the clause that is there to notice. */
export type Broken<P> = Readonly<{ name: string; clause: string; make: MakeSubject<P> }>;

/**
 * Clauses but for some that have no meaning for an adapter: its column says so, and none is passed for kept.
 * @throws where a name is no clause's
 */
export function without<P>(clauses: readonly Clause<P>[], names: readonly string[]): readonly Clause<P>[] {
  const unknown = names.filter((name) => !clauses.some((clause) => clause.name === name));
  if (unknown.length > 0) throw new Error(`There is no clause ${unknown.join(', ')}.`);
  return clauses.filter(({ name }) => !names.includes(name));
}

/** Registers one test a clause, each on a subject of its own. */
export function registerContract<P>(
  portName: string,
  adapterName: string,
  clauses: readonly Clause<P>[],
  make: MakeSubject<P>,
): void {
  describe(`${portName}: ${adapterName}`, () => {
    for (const clause of clauses) {
      test(`${clause.name}: ${clause.sentence}`, async () => {
        await runClause(clause, make);
      });
    }
  });
}

/** Registers one test a broken adapter: the clause meant for it fails. */
export function registerBroken<P>(
  portName: string,
  clauses: readonly Clause<P>[],
  broken: readonly Broken<P>[],
): void {
  describe(`${portName}: broken adapters are caught`, () => {
    test.each(broken)(
      '$name: $clause',
      async ({ clause, make }) => {
        const meant = clauses.filter(({ name }) => name === clause);
        expect(await failingClauses(meant, make)).toEqual([clause]);
      },
      60_000,
    );
  });
}

/** Names of the clauses a subject breaks, in the order of the suite. */
async function failingClauses<P>(clauses: readonly Clause<P>[], make: MakeSubject<P>): Promise<string[]> {
  const failing: string[] = [];
  for (const clause of clauses) {
    try {
      await runClause(clause, make);
    } catch {
      failing.push(clause.name);
    }
  }
  return failing;
}

async function runClause<P>(clause: Clause<P>, make: MakeSubject<P>): Promise<void> {
  const subject = await make();
  try {
    await clause.run(subject.port);
  } finally {
    await subject.close();
  }
}
