import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import type { NonEmpty } from '@daybook/kernel/ports/event-store.ts';
import type { NewEvent, RecordedEvent } from '@daybook/kernel/event.ts';
import { collect, makeEvent, makeEvents } from '@daybook/test/contracts/event-store.subject.ts';
import { memoryEventStore } from '../event-store/memory.ts';
import { blockStream, givenUp, isSkipped } from './relay-block.ts';

const decision = (eventId: string): NonEmpty<NewEvent> => [
  { ...makeEvent({ eventId }), type: 'ParkedSkipped' },
];

test('a decision is about the event that it names, also where a moved log has another one at that position', async () => {
  const store = memoryEventStore();
  await store.append('thing-1', 'no-stream', makeEvents(3));
  const [first, second, third] = (await collect(store.readAll())) as [
    RecordedEvent,
    RecordedEvent,
    RecordedEvent,
  ];
  const asked = ({ id: eventId, position }: RecordedEvent) => isSkipped(store, { eventId, position });
  await store.append(blockStream(first.position), 'no-stream', decision(first.id));
  // The second one stood where the third one does now.
  await store.append(blockStream(third.position), 'no-stream', decision(second.id));
  await store.append(blockStream('7'), 'no-stream', decision(randomUUID()));
  expect(await Promise.all([first, second, third].map(asked))).toEqual([true, false, false]);
  const isGivenUp = givenUp(store);
  expect(await Promise.all([first, second, third].map(isGivenUp))).toEqual([true, true, false]);
});
