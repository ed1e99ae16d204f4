import { revisionConflict } from '@daybook/kernel/errors.ts';
import type { Expected } from '@daybook/kernel/ports/event-store.ts';
import type { AppendRequest } from './append-request.ts';
import type { Outcome } from './group-commit.ts';
import { toPosition } from './position.ts';

/**
 * Lists travel as one text each, split by the server: U+001E stands neither in JSON text (which escapes it) nor in a
 * checked name. The driver's own array form costs the client twice the time, for the sake of quoting.
 */
const separator = '\x1e';

const text = `select outcome, revision, "position" from log.append(
  string_to_array($1, E'\\x1e'), string_to_array($2, ',')::integer[], string_to_array($3, ',')::integer[],
  string_to_array($4, ',')::integer[], string_to_array($5, ',')::uuid[], string_to_array($6, E'\\x1e'),
  string_to_array($7, E'\\x1e')::json[], string_to_array($8, E'\\x1e')::json[])`;

/** The one statement that appends a group; prepared once a connection. */
export function appendStatement(group: readonly AppendRequest[]): {
  name: string;
  text: string;
  values: string[];
  rowMode: 'array';
} {
  const streams: string[] = [];
  const expected: number[] = [];
  const sizes: number[] = [];
  const owners: number[] = [];
  const ids: string[] = [];
  const types: string[] = [];
  const datas: string[] = [];
  const metadatas: string[] = [];
  for (const request of group) {
    streams.push(request.stream);
    expected.push(expectedCode(request.expected));
    sizes.push(request.events.length);
    for (const event of request.events) {
      owners.push(streams.length);
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
    values: [
      streams.join(separator),
      expected.join(','),
      sizes.join(','),
      owners.join(','),
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

/** A row of the statement's answer. */
export type OutcomeRow = readonly [
  outcome: 'appended' | 'duplicate' | 'conflict',
  revision: number,
  position: number | null,
];

/** What the server said of one append of the group. */
export function toOutcome(request: AppendRequest, row: OutcomeRow | undefined): Outcome {
  if (row === undefined) throw new TypeError('An append has no outcome.');
  const [outcome, revision, position] = row;
  if (outcome === 'conflict' || position === null) {
    return revisionConflict(request.stream, request.expected, revision);
  }
  return { revision, position: toPosition(position) };
}
