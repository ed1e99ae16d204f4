/** An explanation as lines for people: the row, then each event as a tree with times. */
import type {
  ExplainedEvent,
  Explanation,
  LineageNode,
  PlacedNode,
} from '@daybook/infra/lineage/explanation.ts';
import type { Actor } from '@daybook/kernel/event.ts';

export type Pens = Readonly<{ bold: (text: string) => string; dim: (text: string) => string }>;

/** The lines of an explanation. Times are UTC. */
export function explanationLines(explanation: Explanation, tenant: string, pens: Pens): readonly string[] {
  const { readModel, key, events } = explanation;
  const name = Object.values(key).map(String).join(', ');
  return [
    `${pens.bold(`${readModel} ${name}`)} ${pens.dim(`of ${tenant}`)}`,
    ...rowLines(explanation, pens).map((line) => `  ${line}`),
    ...notes(explanation).map((line) => `  ${line}`),
    ...events.flatMap((event) => ['', ...eventLines(event, explanation, pens)]),
  ];
}

/** The columns that are asked about, each with the event that last changed it. */
function rowLines({ row, column, lastChanged, events }: Explanation, pens: Pens): readonly string[] {
  if (row === null) return ['The read model shows no such row.'];
  const shown = Object.entries(row).filter(([name]) => column === null || name === column);
  const widest = Math.max(...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => {
    const position = lastChanged[name];
    const by = events.find((event) => event.position === position);
    const source =
      position === undefined
        ? ''
        : by === undefined
          ? `at ${position}`
          : `${by.type}, ${time(by.recordedAt)}`;
    return `${name.padEnd(widest)}  ${valueText(value)}  ${pens.dim(source)}`.trimEnd();
  });
}

function notes({ differs, complete, column, total, events }: Explanation): readonly string[] {
  const what = column === null ? 'touched the row' : `changed ${column}`;
  return [
    ...(differs.length === 0 ? [] : [`The events say something else of: ${differs.join(', ')}.`]),
    ...(complete ? [] : ['The log holds more events of this kind than are read; this may not be all.']),
    total === 1
      ? `One event ${what}.`
      : `${String(total)} events ${what}${total > events.length ? `; the newest ${String(events.length)}` : ''}.`,
  ];
}

function eventLines(event: ExplainedEvent, { column }: Explanation, pens: Pens): readonly string[] {
  const { type, stream, revision, recordedAt, position, changes, causes, effects } = event;
  const place = pens.dim(`${stream}@${String(revision)} position ${position}`);
  const shown = changes.filter((change) => column === null || change.column === column);
  const because = causes.map((node, index) => limb(index === causes.length - 1) + nodeText(node, pens));
  return [
    `${time(recordedAt)}  ${pens.bold(type)}  ${place}`,
    ...shown.map(
      ({ column: name, before, after }) => `│ ${name}: ${valueText(before)} → ${valueText(after)}`,
    ),
    effects.length === 0 ? '└─ because of' : '├─ because of',
    ...because.map((line) => (effects.length === 0 ? `   ${line}` : `│  ${line}`)),
    ...(effects.length === 0 ? [] : ['└─ led to', ...treeLines(effects, pens).map((line) => `   ${line}`)]),
  ];
}

function treeLines(nodes: readonly PlacedNode[], pens: Pens): readonly string[] {
  return nodes.map((node, index) => {
    const trunk = Array.from({ length: node.depth }, (_, depth) =>
      goesOn(nodes, index, depth) ? '│  ' : '   ',
    );
    return trunk.join('') + limb(!goesOn(nodes, index, node.depth)) + nodeText(node, pens);
  });
}

/** Whether, behind a node, another one of that depth follows before the tree goes back above it. */
function goesOn(nodes: readonly PlacedNode[], index: number, depth: number): boolean {
  const next = nodes.slice(index + 1).find((node) => node.depth <= depth);
  return next?.depth === depth;
}

function limb(isLast: boolean): string {
  return isLast ? '└─ ' : '├─ ';
}

function nodeText({ kind, name, id, at, actor, state }: LineageNode, pens: Pens): string {
  const words = [
    kind,
    ...(name === null ? [] : [pens.bold(name)]),
    ...(state === null ? [] : [`(${state})`]),
  ];
  const of = kind === 'event' && id === null ? 'of another tenant' : (id ?? '');
  const by = actor === null ? '' : `, by ${actorText(actor)}`;
  return `${at === null ? '' : `${time(at)}  `}${words.join(' ')} ${pens.dim(of)}${by}`.trimEnd();
}

function actorText({ kind, id }: Actor): string {
  return kind === 'anonymous' ? 'somebody not signed in' : `${kind} ${id}`;
}

const longest = 80;

function valueText(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
}

/** `2026-11-21 06:00:03.123` */
function time(instant: string): string {
  return instant.replace('T', ' ').replace('Z', '');
}
