/** Tables of guarantees whose rows name what shows them: `port/promise` of a contract, and `[path.spec.ts "title"]` of a test. */
import { titles } from './named-tests.ts';

type Known = Readonly<{
  /** `port/promise`, of every contract. */
  promises: ReadonlySet<string>;
  /** The text of a spec by its path from the root. */
  specOf: (path: string) => string | undefined;
}>;

/** Rows of a page's tables whose last cell names nothing, or a promise or test that is not there. */
export function unshown(page: string, known: Known): readonly string[] {
  return rows(page).flatMap(({ about, shown }) => {
    const promises = [...shown.matchAll(/`([a-z ]+\/[\w-]+)`/g)].map(([, name = '']) => name);
    const tests = [...shown.matchAll(/\[([\w./-]+\.spec\.ts) "([^"]+)"\]/g)].map(
      ([, spec = '', title = '']) => ({ spec, title }),
    );
    if (promises.length + tests.length === 0) return [`${about}: nothing shows it`];
    return [
      ...promises.filter((name) => !known.promises.has(name)),
      ...tests
        .filter(({ spec, title }) => !(known.specOf(spec) ?? '').split('\n').some((line) => has(line, title)))
        .map(({ spec, title }) => `${spec} "${title}"`),
    ].map((gone) => `${about}: ${gone} is not there`);
  });
}

const has = (line: string, title: string): boolean => titles(line).some((pattern) => pattern.test(title));

function rows(page: string): readonly { about: string; shown: string }[] {
  return [...page.matchAll(/^\| (.*) \|$/gm)]
    .map(([, line = '']) => line.split(' | ').map((cell) => cell.trim()))
    .filter(([first = '']) => first !== 'Guarantee' && !/^-+$/.test(first))
    .map((cells) => ({ about: cells[0] ?? '', shown: cells.at(-1) ?? '' }));
}
