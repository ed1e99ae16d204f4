import type { Suite } from './suites.ts';

/** The page that says which adapter keeps which promise, and which broken adapter each promise catches. */
export function contractsPage(suites: readonly Suite[]): string {
  return [
    '# Contracts of the ports',
    '',
    'Generated from `test/contracts/`. Each port is a list of promises, run as they are against every adapter; a mark',
    'says that the adapter’s spec runs the promise. Broken adapters are made to break one promise each, and the test',
    'run fails unless the promise meant for it notices.',
    '',
    ...suites.flatMap(section),
  ].join('\n');
}

function section({ port, clauses, adapters, broken }: Suite): readonly string[] {
  const names = Object.keys(adapters);
  return [
    `## ${capitalised(port)}`,
    '',
    `${String(clauses.length)} promises, ${String(names.length)} adapters, ${String(broken.length)} broken ones. Specs: ${[
      ...new Set(Object.values(adapters)),
    ]
      .map((file) => `\`${file}\``)
      .join(', ')}.`,
    '',
    row(['Promise', 'In words', ...names, 'Broken adapters it catches']),
    row(['---', '---', ...names.map(() => '---'), '---']),
    ...clauses.map(({ name, sentence }) =>
      row([
        `\`${name}\``,
        sentence,
        ...names.map(() => '✓'),
        broken
          .filter(({ clause }) => clause === name)
          .map((one) => one.name)
          .join('; '),
      ]),
    ),
    '',
  ];
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
