/** Comments of loops whose numbered steps name tests: `1. read it [projector.int.spec.ts "a death after read"]`. */

/** The numbered steps of the first comment that has any, each on one line. */
function steps(text: string): readonly string[] {
  const comments = [...text.matchAll(/\/\*\*[\s\S]*?\*\//g)].map(([comment]) => comment);
  const numbered = comments.find((comment) => /^ \* 1\. /m.test(comment)) ?? '';
  return [...numbered.matchAll(/^ \* (\d+\. .*(?:\n \* {2,}.*)*)/gm)].map(([, step = '']) =>
    step.replaceAll(/\n \* +/g, ' '),
  );
}

function named(step: string): readonly { spec: string; title: string }[] {
  return [...step.matchAll(/\[([\w./-]+\.spec\.ts) "([^"]+)"\]/g)].map(([, spec = '', title = '']) => ({
    spec,
    title,
  }));
}

/** Steps that name no test. */
export function rowsWithoutTest(text: string): readonly string[] {
  const rows = steps(text);
  return rows.length === 0
    ? ['There are no numbered steps.']
    : rows.filter((step) => named(step).length === 0);
}

/** Tests that steps name and that are not there; `%s` in the title of a test stands for any words. */
export function missingTests(text: string, specOf: (name: string) => string | undefined): readonly string[] {
  return steps(text)
    .flatMap(named)
    .filter(({ spec, title }) => !titles(specOf(spec) ?? '').some((pattern) => pattern.test(title)))
    .map(({ spec, title }) => `${spec} "${title}"`);
}

/** What titles of tests a spec has, as patterns. */
export function titles(spec: string): readonly RegExp[] {
  return [...spec.matchAll(/'([^'\n]+)'/g)].map(([, literal = '']) => {
    const words = literal.split('%s').map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
    return new RegExp(`^${words.join('\\S+')}$`);
  });
}
