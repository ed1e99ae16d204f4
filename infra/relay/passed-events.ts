import { LRUCache } from 'lru-cache';
import { beginning, type Position, type RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { Published } from './topic-cursor.ts';

/** What a message is that does not stand where the walk through the log meets its event. */
export type Late = 'ofMissed' | 'repeat' | 'foreign';

/** The events of the log that a walk has passed, for messages that come late. */
export type PassedEvents = Readonly<{
  /** Ascending. `missed`: its message was not there. */
  pass(event: RecordedEvent, missed: boolean): void;
  /** A message of an event that was passed, or that the walk does not reach. */
  late(message: Published): Promise<void>;
  /** Decides about all messages that came late. */
  settle(): Promise<void>;
  /** Positions of the first and the last event that were missed, and whose message did not come late either. */
  missed(): Promise<Readonly<{ first: Position | null; last: Position | null }>>;
}>;

/** A place of the log to begin a read behind, and how many events there are up to it. */
type Place = Readonly<{ position: Position; events: number }>;

const start: Place = { position: beginning, events: 0 };
const mostPlaces = 1_000;

/**
 * Remembers one bit of each event, whether it is missed, and the last ones by their positions. Messages of older ones are
 * looked up many at a time, by one read of the part of the log that they are of.
 * @param decided called once for each message that came late
 * @param most events by their positions, and messages that are looked up together
 */
export function passedEvents(
  stored: Pick<EventStore, 'readAll'>,
  decided: (message: Published, late: Late) => void,
  most: number,
): PassedEvents {
  const met = new LRUCache<Position, string>({ max: most });
  const missed = bits();
  let waiting: Published[] = [];
  let places: Place[] = [start];
  let apart = 1;
  let events = 0;

  const placeBefore = (isBefore: (place: Place) => boolean): Place => places.findLast(isBefore) ?? start;

  /** Numbers of the events of messages, from 0, by position and id; of those that the log has. */
  async function numbersOf(messages: readonly Published[]): Promise<ReadonlyMap<string, number>> {
    const wanted = new Set(messages.map(({ position }) => position));
    const [first, ...others] = [...wanted].sort();
    const last = others.at(-1) ?? first;
    const numbers = new Map<string, number>();
    if (first === undefined || last === undefined) return numbers;
    const place = placeBefore(({ position }) => position < first);
    let number = place.events;
    for await (const page of stored.readAll({ after: place.position })) {
      for (const { id, position } of page) {
        if (position > last) return numbers;
        if (wanted.has(position)) numbers.set(keyOf({ id, position }), number);
        number += 1;
      }
    }
    return numbers;
  }

  async function settle(): Promise<void> {
    const messages = waiting;
    waiting = [];
    const numbers = await numbersOf(messages);
    for (const message of messages) {
      const number = numbers.get(keyOf(message));
      if (number === undefined) decided(message, 'foreign');
      else decided(message, missed.take(number) ? 'ofMissed' : 'repeat');
    }
  }

  async function positionOf(number: number): Promise<Position> {
    const place = placeBefore((one) => one.events <= number);
    const limit = number + 1 - place.events;
    let last = place.position;
    for await (const page of stored.readAll({ after: place.position, limit })) {
      last = page.at(-1)?.position ?? last;
    }
    return last;
  }

  return {
    pass: ({ id, position }, isMissed) => {
      if (isMissed) missed.set(events);
      else met.set(position, id);
      events += 1;
      if (events % apart !== 0) return;
      places.push({ position, events });
      if (places.length < mostPlaces) return;
      places = places.filter((_, index) => index % 2 === 0);
      apart *= 2;
    },
    late: async (message) => {
      if (met.get(message.position) === message.id) {
        decided(message, 'repeat');
        return;
      }
      waiting.push(message);
      if (waiting.length >= most) await settle();
    },
    settle,
    missed: async () => {
      const ends = missed.ends(events);
      if (ends === null) return { first: null, last: null };
      return { first: await positionOf(ends.first), last: await positionOf(ends.last) };
    },
  };
}

const keyOf = ({ id, position }: Published): string => `${position} ${id}`;

/** A set of numbers, one bit each. */
function bits(): Readonly<{
  set(number: number): void;
  /** Removes it; whether it was there. */
  take(number: number): boolean;
  /** The least and the greatest below `end`. */
  ends(end: number): Readonly<{ first: number; last: number }> | null;
}> {
  let words = new Uint32Array(1_024);
  const has = (number: number): boolean => ((words[number >>> 5] ?? 0) & (1 << (number & 31))) !== 0;
  return {
    set: (number) => {
      const word = number >>> 5;
      if (word >= words.length) {
        const longer = new Uint32Array(2 * (word + 1));
        longer.set(words);
        words = longer;
      }
      words[word] = (words[word] ?? 0) | (1 << (number & 31));
    },
    take: (number) => {
      const had = has(number);
      if (had) words[number >>> 5] = (words[number >>> 5] ?? 0) & ~(1 << (number & 31));
      return had;
    },
    ends: (end) => {
      let first = 0;
      while (first < end && !has(first)) first += 1;
      if (first === end) return null;
      let last = end - 1;
      while (!has(last)) last -= 1;
      return { first, last };
    },
  };
}
