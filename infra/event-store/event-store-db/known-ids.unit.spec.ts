import { expect, test } from '@jest/globals';
import { beginning, type StreamName } from '@daybook/kernel/event.ts';
import { knownIds } from './known-ids.ts';

const event = (revision: number): { id: string; revision: number; position: typeof beginning } => ({
  id: `e${String(revision)}`,
  revision,
  position: beginning,
});
const stream: StreamName = 'thing-a';

test('streams used longest ago make room; one larger than all of it is kept alone', () => {
  const ids = knownIds(3);
  ids.see('thing-b', [event(0)]);
  ids.see(stream, [event(0), event(1)]);
  ids.see('thing-c', [event(0)]);
  expect(['thing-b', stream, 'thing-c'].map((name) => ids.of(name as StreamName).upTo)).toEqual([-1, 1, 0]);
  ids.see(stream, [event(2), event(3)]);
  expect([stream, 'thing-c'].map((name) => ids.of(name as StreamName).upTo)).toEqual([3, -1]);
});

test('what does not continue a stream is not taken in', () => {
  const ids = knownIds();
  ids.see(stream, [event(1)]);
  expect(ids.of(stream).upTo).toBe(-1);
});

test('who reads a stream keeps what it has, also where others displace it meanwhile', () => {
  const ids = knownIds(2);
  const known = ids.of(stream);
  ids.see(stream, [event(0)], known);
  ids.see('thing-b', [event(0), event(1)]);
  expect(ids.of(stream).upTo).toBe(-1);
  ids.see(stream, [event(1)], known);
  expect([...known.places.keys()]).toEqual(['e0', 'e1']);
  expect(ids.of(stream)).toBe(known);
});
