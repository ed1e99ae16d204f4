import type { Adapter, Suite } from './suites.ts';

/** The page that says which adapter keeps which promise, on what it was tried, and which broken adapter each promise catches. */
export function contractsPage(suites: readonly Suite[]): string {
  return [
    '# Contracts of the ports',
    '',
    'Generated from `test/contracts/`. Each port is a list of promises, run as they are against every adapter; a mark',
    'says that the adapter’s spec runs the promise, on the engine that is named above the table. A test compares the',
    'marks with the tests that the specs have. Broken adapters are made to break one promise each, and the test run',
    'fails unless the promise meant for it notices.',
    '',
    ...suites.flatMap(section),
  ].join('\n');
}

/** Whether an adapter runs a clause. */
export function runs(adapter: Adapter, clause: string): boolean {
  return adapter.without?.clauses.includes(clause) !== true;
}

function section({ port, clauses, adapters, broken }: Suite): readonly string[] {
  return [
    `## ${capitalised(port)}`,
    '',
    `${counted(clauses.length, 'promise')}, ${counted(adapters.length, 'adapter')}, ${String(broken.length)} broken ones.`,
    '',
    row(['Adapter', 'Ran on', 'Spec']),
    row(['---', '---', '---']),
    ...adapters.map((adapter) => row([headingOf(adapter), ranOn(adapter), `\`${adapter.spec}\``])),
    '',
    row(['Promise', 'In words', ...adapters.map(headingOf), 'Broken adapters it catches']),
    row(['---', '---', ...adapters.map(() => '---'), '---']),
    ...clauses.map(({ name, sentence }) =>
      row([
        `\`${name}\``,
        sentence,
        ...adapters.map((adapter) => (runs(adapter, name) ? '✓' : '–')),
        broken
          .filter(({ clause }) => clause === name)
          .map((one) => one.name)
          .join('; '),
      ]),
    ),
    '',
  ];
}

function headingOf({ name, heading = name }: Adapter): string {
  return heading;
}

function ranOn({ on, without }: Adapter): string {
  return without === undefined ? on : `${on}. –: ${without.because}`;
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function counted(count: number, noun: string): string {
  return `${String(count)} ${noun}${count === 1 ? '' : 's'}`;
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
