/** Kept states change nothing but the speed: by random commands, repeats and processes, beside a bus that keeps none. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Command } from '@daybook/kernel/command.ts';
import type { CommandResult } from '@daybook/kernel/ports/outside.ts';
import type { RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import { memoryEventStore, memoryLog } from '../event-store/memory.ts';
import type { CommandBus } from './command-bus.ts';
import { deliveryOf, open, openWithSlug, spend, transfer } from './command-bus.fixture.ts';
import { keepingBus, memorySnapshots } from './kept-states.fixture.ts';

const commands: Readonly<Record<string, Command>> = { open, spend, transfer, openWithSlug };

type Step = Readonly<{
  process: number;
  command: string;
  account: string;
  slug: string;
  amount: number;
  tenant: string;
  /** Few, so that ids come again, also with other commands. */
  id: number;
  expectedRevision: number | null;
}>;

const step: fc.Arbitrary<Step> = fc.record({
  process: fc.nat(2),
  command: fc.constantFrom('spend', 'spend', 'spend', 'transfer', 'open', 'openWithSlug'),
  account: fc.constantFrom('1', '1', '2'),
  slug: fc.constantFrom('shop', 'store'),
  amount: fc.nat(4),
  tenant: fc.constantFrom('ours', 'ours', 'ours', 'theirs'),
  id: fc.nat(40),
  expectedRevision: fc.option(fc.nat(12), { freq: 8, nil: null }),
});

const fewSteps = fc.array(step, { minLength: 1, maxLength: 60 });

/** Three processes with caches of different sizes, on one log and one table of snapshots. */
function keepingProcesses(): { buses: readonly CommandBus[]; store: EventStore } {
  const log = memoryLog();
  const kept = new Map<string, string>();
  const own = (): EventStore => memoryEventStore({ log, now: () => '2026-01-01T00:00:00.000Z' });
  const snapshots = (every: number) => ({ snapshots: memorySnapshots(every, kept) });
  return {
    store: own(),
    buses: [
      keepingBus(own()),
      keepingBus(own(), { limits: { maxStreams: 1 }, ...snapshots(3) }),
      keepingBus(own(), { limits: { maxBytes: 0 }, ...snapshots(2) }),
    ],
  };
}

test('one after the other, commands have the same answers and leave the same log', async () => {
  await fc.assert(
    fc.asyncProperty(fewSteps, async (steps) => {
      const plain = memoryEventStore({ now: () => '2026-01-01T00:00:00.000Z' });
      const keepsNothing = keepingBus(plain, { keeps: false });
      const { buses, store } = keepingProcesses();
      for (const each of steps) {
        const answer = await perform(buses[each.process] as CommandBus, each);
        expect(answer).toEqual(await perform(keepsNothing, each));
      }
      expect(await whole(store)).toEqual(await whole(plain));
    }),
    { numRuns: 150 },
  );
});

test('side by side, each command id is recorded once, answered alike, and no account is overdrawn', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fewSteps, { minLength: 1, maxLength: 4 }), async (rounds) => {
      const { buses, store } = keepingProcesses();
      const answers = new Map<string, CommandResult[]>();
      for (const round of rounds) {
        const done = await Promise.all(
          round.map(async (each) => {
            // An id belongs to one command, as with every caller that keeps its word.
            const own = {
              ...each,
              command: 'spend',
              amount: 1 + (each.id % 3),
              tenant: 'ours',
              expectedRevision: null,
            };
            const chosen = each.command === 'open' ? { ...own, id: 1_000, command: 'open', amount: 15 } : own;
            return [
              `c${chosen.account}-${String(chosen.id)}`,
              await perform(buses[each.process] as CommandBus, chosen),
            ] as const;
          }),
        );
        for (const [id, answer] of done) {
          if (isResult(answer)) answers.set(id, [...(answers.get(id) ?? []), answer]);
        }
      }
      const log = await whole(store);
      for (const account of ['1', '2']) {
        let balance = 0;
        for (const { type, data } of log.filter(({ stream }) => stream === `account-${account}`)) {
          const { amount = 0 } = data as { amount?: number };
          balance += type === 'Debited' ? -amount : amount;
          expect(balance).toBeGreaterThanOrEqual(0);
        }
      }
      for (const [id, all] of answers) {
        const recorded = log.filter(({ metadata }) => metadata.commandId === id);
        expect(recorded.length).toBeLessThanOrEqual(id.endsWith('-1000') ? 2 : 1);
        const accepted = all.filter(({ ok }) => ok).map((answer) => JSON.stringify(answer));
        expect(new Set(accepted).size).toBeLessThanOrEqual(1);
        expect(accepted.length > 0).toBe(recorded.length > 0);
      }
    }),
    { numRuns: 60 },
  );
});

async function perform(bus: CommandBus, each: Step): Promise<unknown> {
  const { account: id, slug, amount, tenant, expectedRevision } = each;
  const command = commands[each.command] as Command;
  const input = each.command === 'openWithSlug' ? { id, slug } : { id, amount };
  const delivery = deliveryOf(`c${id}-${String(each.id)}`, each.command === 'transfer' ? 'public' : tenant);
  try {
    return await bus.execute(command, input, delivery, expectedRevision === null ? {} : { expectedRevision });
  } catch (error) {
    const { code, retry, fields } = error as Record<string, unknown>;
    return { code, retry, fields };
  }
}

function isResult(answer: unknown): answer is CommandResult {
  return typeof (answer as { ok?: unknown }).ok === 'boolean';
}

async function whole(store: EventStore): Promise<readonly RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const page of store.readAll()) events.push(...page);
  return events;
}
