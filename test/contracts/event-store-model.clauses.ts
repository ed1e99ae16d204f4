import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { isDaybookError } from '@daybook/kernel/errors.ts';
import type { NewEvent, StreamName } from '@daybook/kernel/event.ts';
import type { Appended, EventStore, Expected, NonEmpty } from '@daybook/kernel/ports/event-store.ts';
import type { Clause } from './contract.ts';
import {
  assertWholeLog,
  collect,
  ids,
  makeEvent,
  pick,
  type EventStoreSubject,
} from './event-store.subject.ts';

type Step = Readonly<{
  stream: number;
  expected: Expected;
  size: number;
  repeat: number | null;
  store: number;
}>;

type Append = Readonly<{
  step: Step;
  stream: StreamName;
  events: NonEmpty<NewEvent>;
  outcome: Appended | 'conflict';
}>;

const step: fc.Arbitrary<Step> = fc.record({
  stream: fc.nat(3),
  expected: fc.oneof(fc.constantFrom('no-stream', 'stream-exists', 'any', 'any'), fc.nat(5)),
  size: fc.integer({ min: 1, max: 4 }),
  // One of the appends before, sent again with whatever is expected.
  repeat: fc.option(fc.nat(30), { freq: 4, nil: null }),
  store: fc.nat(1),
});

/** Rounds of appends made at once, one round after the other. */
const history = fc.array(fc.array(step, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 6 });

export const modelClauses: readonly Clause<EventStoreSubject>[] = [
  {
    name: 'agrees-with-a-model',
    sentence:
      'whatever is appended, at once and repeatedly: the log is what some order of those appends makes of it',
    run: async ({ store, another }) => {
      const stores = [store, another()];
      await fc.assert(
        fc.asyncProperty(history, async (rounds) => {
          const before = await store.head();
          await run(stores, rounds, before);
        }),
        { numRuns: 25 },
      );
    },
  },
];

async function run(
  stores: readonly EventStore[],
  rounds: readonly (readonly Step[])[],
  before: Awaited<ReturnType<EventStore['head']>>,
): Promise<void> {
  const streams = [0, 1, 2, 3].map((n): StreamName => `model${String(n)}-${randomUUID()}`);
  const appends: Append[] = [];
  for (const round of rounds) {
    appends.push(
      ...(await Promise.all(round.map((each) => perform(stores, streams, appends.slice(), each)))),
    );
  }
  const log = await collect(pick(stores, 0).readAll({ after: before }));
  assertWholeLog(log);
  replay(
    appends,
    ids(log),
    log.map(({ position }) => position),
  );
  for (const stream of streams) {
    const own = log.filter((event) => event.stream === stream);
    assert.deepEqual(await collect(pick(stores, 1).read(stream)), own);
  }
}

async function perform(
  stores: readonly EventStore[],
  streams: readonly StreamName[],
  earlier: readonly Append[],
  each: Step,
): Promise<Append> {
  const repeated = each.repeat === null ? undefined : earlier[each.repeat];
  const stream = repeated?.stream ?? pick(streams, each.stream);
  const events =
    repeated?.events ??
    (Array.from({ length: each.size }, (_, n) => makeEvent({ n })) as unknown as NonEmpty<NewEvent>);
  try {
    const outcome = await pick(stores, each.store).append(stream, each.expected, events);
    return { step: each, stream, events, outcome };
  } catch (error) {
    if (!isDaybookError(error, 'revision-conflict')) throw error;
    return { step: each, stream, events, outcome: 'conflict' };
  }
}

/** Every accepted append stands in the log once, whole and where its answer says; every expectation held there. */
function replay(appends: readonly Append[], log: readonly string[], positions: readonly string[]): void {
  const accepted = new Set<string>();
  for (const { events, outcome, step: each } of appends) {
    if (outcome === 'conflict') continue;
    const first = log.indexOf(events[0].id);
    assert.deepEqual(log.slice(first, first + events.length), ids(events), 'a batch stands undivided');
    assert.equal(positions[first + events.length - 1], outcome.position);
    const again = accepted.has(events[0].id);
    ids(events).forEach((id) => accepted.add(id));
    if (again || each.repeat !== null) continue;
    const before = outcome.revision - events.length;
    if (each.expected === 'no-stream') assert.equal(before, -1);
    if (each.expected === 'stream-exists') assert.ok(before >= 0);
    if (typeof each.expected === 'number') assert.equal(before, each.expected);
  }
  assert.equal(log.length, accepted.size, 'nothing stands in the log that was not accepted');
}
