import type pg from 'pg';
import { revisionConflict } from '@daybook/kernel/errors.ts';
import type { Expected } from '@daybook/kernel/ports/event-store.ts';
import type { AppendRequest } from './append-request.ts';
import type { Outcome } from './group-commit.ts';
import { textTypes } from './event-row.ts';
import { toPosition } from './position.ts';

/**
 * Lists travel as one text each, split by the server: U+001E stands neither in JSON text (which escapes it) nor in a
 * checked name. The driver's own array form costs the client twice the time, for the sake of quoting.
 */
const separator = '\x1e';

const text = `select outcomes, revisions, positions from log.append(
  string_to_array($1, E'\\x1e'), string_to_array($2, ',')::integer[], string_to_array($3, ',')::integer[],
  string_to_array($4, ',')::integer[], string_to_array($5, ',')::integer[], string_to_array($6, ',')::integer[],
  string_to_array($7, ',')::uuid[], string_to_array($8, E'\\x1e'),
  string_to_array($9, E'\\x1e')::json[], string_to_array($10, E'\\x1e')::json[])`;

/** The one statement that appends a group; prepared once a connection. */
export function appendStatement(group: readonly AppendRequest[]): {
  name: string;
  text: string;
  values: string[];
  rowMode: 'array';
  types: pg.CustomTypesConfig;
} {
  const streams: string[] = [];
  const expected: number[] = [];
  const sizes: number[] = [];
  const previous: number[] = [];
  const owners: number[] = [];
  const ordinals: number[] = [];
  const ids: string[] = [];
  const types: string[] = [];
  const datas: string[] = [];
  const metadatas: string[] = [];
  const lastOf = new Map<string, number>();
  for (const request of group) {
    previous.push(lastOf.get(request.stream) ?? 0);
    const owner = streams.push(request.stream);
    lastOf.set(request.stream, owner);
    expected.push(expectedCode(request.expected));
    sizes.push(request.events.length);
    let ordinal = 0;
    for (const event of request.events) {
      owners.push(owner);
      ordinals.push((ordinal += 1));
      ids.push(event.id);
      types.push(event.type);
      datas.push(event.data);
      metadatas.push(event.metadata);
    }
  }
  return {
    name: 'log.append',
    text,
    rowMode: 'array',
    types: textTypes,
    values: [
      streams.join(separator),
      expected.join(','),
      sizes.join(','),
      previous.join(','),
      owners.join(','),
      ordinals.join(','),
      ids.join(','),
      types.join(separator),
      datas.join(separator),
      metadatas.join(separator),
    ],
  };
}

/** KEEP IN SYNC: log.append in ../database/migrations/0010-event-store.sql */
function expectedCode(expected: Expected): number {
  switch (expected) {
    case 'no-stream':
      return -1;
    case 'stream-exists':
      return -2;
    case 'any':
      return -3;
    default:
      return expected;
  }
}

/** The statement's answer: one row of three arrays, as text. */
export type AppendRow = readonly [outcomes: string, revisions: string, positions: string];

/** What the server said of each append of the group, in order. */
export function toOutcomes(group: readonly AppendRequest[], row: AppendRow | undefined): Outcome[] {
  if (row === undefined) throw new TypeError('An append has no outcome.');
  // Neither words nor numbers are ever quoted in the text of an array.
  const [outcomes = [], revisions = [], positions = []] = row.map((array) => array.slice(1, -1).split(','));
  return group.map((request, index) => {
    const revision = Number(revisions[index]);
    if (outcomes[index] === 'conflict') return revisionConflict(request.stream, request.expected, revision);
    const position = toPosition(positions[index] ?? '');
    return outcomes[index] === 'appended' ? { revision, position, wrote: true } : { revision, position };
  });
}
