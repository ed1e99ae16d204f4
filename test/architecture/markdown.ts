/** What a page of documentation names: its headings, links, code and commands. */

export type Link = Readonly<{ target: string; anchor: string }>;

const fence = /^(`{3,}|~{3,})([^\n]*)\n([\s\S]*?)^\1[ \t]*$/gm;

/** The page without its blocks of code, which name nothing that a reader could click. */
export function prose(page: string): string {
  return page.replace(fence, '');
}

/** Commands of the blocks marked `sh`, line by line. */
export function shellLines(page: string): readonly string[] {
  return [...page.matchAll(fence)]
    .filter(([, , info = '']) => /^sh\b/.test(info))
    .flatMap(([, , , body = '']) => body.split('\n'))
    .filter((line) => line.trim() !== '');
}

/** Inline code, as it stands between its marks. */
export function codeSpans(page: string): readonly string[] {
  return [...prose(page).matchAll(/(`+)([^`]|[^`][\s\S]*?[^`])\1(?!`)/g)].map(([, , text = '']) =>
    text.replaceAll(/\s+/g, ' ').trim(),
  );
}

/** Links and pictures to files of this repository; addresses elsewhere are left out. */
export function relativeLinks(page: string): readonly Link[] {
  return [...prose(page).matchAll(/\]\(([^()\s]+)(?: "[^"]*")?\)/g)]
    .map(([, href = '']) => href)
    .filter((href) => !/^[a-z][a-z+.-]*:/i.test(href))
    .map((href) => {
      const [target = '', anchor = ''] = href.split('#');
      return { target, anchor };
    });
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchors(page: string): ReadonlySet<string> {
  const seen = new Map<string, number>();
  const found = new Set<string>();
  for (const [, title = ''] of prose(page).matchAll(/^#{1,6} +(.+?)(?: #+)?$/gm)) {
    const slug = title
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(/\s/g, '-');
    const times = seen.get(slug) ?? 0;
    seen.set(slug, times + 1);
    found.add(times === 0 ? slug : `${slug}-${String(times)}`);
  }
  return found;
}

/** Names of npm scripts that the page tells to run. */
export function npmScripts(page: string): readonly string[] {
  const texts = [...codeSpans(page), ...shellLines(page)];
  return texts.flatMap((text) =>
    [...text.matchAll(/\bnpm (?:run(?: -[\w-]+)* ([a-z][\w:-]*\w)|(start|test)\b)/g)].map(
      ([, named, short]) => named ?? short ?? '',
    ),
  );
}

/**
 * Paths that the page names: inline code and words of commands that begin with one of the folders and name something
 * in it. `<name>` and `*` stand for anything.
 */
export function repositoryPaths(page: string, folders: readonly string[]): readonly string[] {
  const path = new RegExp(`^(?:${folders.join('|')})/[\\w./<>*{},@…-]*$`);
  const words = shellLines(page).flatMap((line) => line.split(/[\s"'();|&]+/));
  return [...codeSpans(page), ...words].filter((text) => path.test(text) && !text.includes('…'));
}

/** What the page's tables of files list: inline code of the first column where that is headed `File` or `Folder`. */
export function tablePaths(page: string): readonly string[] {
  return [...prose(page).matchAll(/^\| *(?:File|Folder)\b.*\n(?:\|.*(?:\n|$))*/gm)]
    .flatMap(([table]) => table.split('\n').slice(1))
    .flatMap((row) => codeSpans(row.split('|')[1] ?? ''))
    .filter((text) => /^[\w./<>*{},-]+$/.test(text));
}
