import { randomUUID } from 'node:crypto';
import { beforeAll, expect, test } from '@jest/globals';
import type { Position, RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import { collect, ids, makeEvents, newStream } from '@daybook/test/contracts/event-store.subject.ts';
import { memoryEventStore } from '../event-store/memory.ts';
import { passedEvents, type Late, type PassedEvents } from './passed-events.ts';

const most = 1_000;
let store: EventStore;
let events: readonly RecordedEvent[];

beforeAll(async () => {
  store = memoryEventStore();
  for (let n = 0; n < 40; n += 1) await store.append(newStream(), 'no-stream', makeEvents(most));
  events = await collect(store.readAll());
});

/** A walk through all of them, of which every seventh is missed, with what it told of messages. */
function walked(): Readonly<{ passed: PassedEvents; told: (late: Late) => readonly string[] }> {
  const told: [Late, string][] = [];
  const passed = passedEvents(store, ({ id }, late) => told.push([late, id]), most);
  for (const [n, event] of events.entries()) passed.pass(event, isMissed(n));
  return { passed, told: (which) => told.flatMap(([late, id]) => (late === which ? id : [])).sort() };
}

const isMissed = (n: number): boolean => n % 7 === 3;

test('of a long log each message is known: of an event that was missed, a repeat, or neither', async () => {
  const { passed, told } = walked();
  const foreign = events
    .filter((_, n) => n % 3_000 === 0)
    .map(({ position }) => ({ id: randomUUID(), position }));
  foreign.push({ id: randomUUID(), position: '9'.repeat(20) as Position });
  for (const message of [...events, ...foreign, ...events.slice(0, 100)]) await passed.late(message);
  await passed.settle();
  const missed = events.filter((_, n) => isMissed(n));
  const repeats = [...events.filter((_, n) => !isMissed(n)), ...events.slice(0, 100)];
  expect(told('ofMissed')).toEqual(ids(missed).sort());
  expect(told('repeat')).toEqual(ids(repeats).sort());
  expect(told('foreign')).toEqual(ids(foreign).sort());
  expect(await passed.missed()).toEqual({ first: null, last: null });
});

test('the first and the last of what stays missed are named', async () => {
  const { passed } = walked();
  for (const n of [3, 10, 39_994, 39_987]) await passed.late(events[n] as RecordedEvent);
  await passed.settle();
  expect(await passed.missed()).toEqual({ first: events[17]?.position, last: events[39_980]?.position });
});
