/** What timers of processes promise, as data: see `kernel/process.ts` and `infra/runtime/timers.ts`. */
import fc from 'fast-check';
import { expect } from '@jest/globals';
import { eventually } from '@daybook/test/support/eventually.ts';
import type { Clause } from './contract.ts';
import {
  brokenTimer,
  cancelWake,
  wake,
  type Fired,
  type TimersSubject,
  type Told,
} from './timers.subject.ts';

const soon = <T>({ patienceMs }: TimersSubject, assertion: () => Promise<T>): Promise<T> =>
  eventually(assertion, { withinMs: patienceMs });

/** Waits until so many timers fired; answers with all. */
function firing(subject: TimersSubject, count: number): Promise<readonly Fired[]> {
  return soon(subject, async () => {
    const fired = await subject.fired();
    expect(fired.length).toBeGreaterThanOrEqual(count);
    return fired;
  });
}

const names = (fired: readonly Fired[]): string[] => fired.map(({ alarm, timer }) => `${alarm} ${timer}`);

/** Everything due before it has fired once a timer that is due last has. */
async function settled(subject: TimersSubject): Promise<readonly Fired[]> {
  await subject.tell({ alarm: 'last', effects: [wake('last', await subject.clock())] });
  return soon(subject, async () => {
    const fired = await subject.fired();
    expect(names(fired)).toContain('last last');
    return fired.filter(({ alarm }) => alarm !== 'last');
  });
}

const timersOf = (alarm: string, ...effects: Told['effects']): Told => ({ alarm, effects });

export const timersClauses: readonly Clause<TimersSubject>[] = [
  {
    name: 'fires',
    sentence: 'a timer fires with the name and the time it was set for',
    run: async (subject) => {
      const at = await subject.clock(40);
      await subject.tell(timersOf('one', wake('tea', at)));
      subject.loop();
      const [fired] = await firing(subject, 1);
      expect(fired).toMatchObject({ alarm: 'one', timer: 'tea', dueAt: at });
    },
  },
  {
    name: 'never-early',
    sentence: 'no timer fires before its time by the engine’s clock',
    run: async (subject) => {
      subject.loop();
      const told = await Promise.all(
        // One is so far ahead that no adapter fires it after its time by being slow.
        [120, 60, 90, 30, 3_000].map(async (afterMs, n) =>
          timersOf(String(n), wake('tea', await subject.clock(afterMs))),
        ),
      );
      await subject.tell(...told);
      for (const { dueAt, firedAt } of await firing(subject, told.length)) {
        expect(Date.parse(firedAt)).toBeGreaterThanOrEqual(Date.parse(dueAt));
      }
    },
  },
  {
    name: 'fires-once',
    sentence: 'of several loops one fires a timer, once',
    run: async (subject) => {
      const at = await subject.clock();
      const alarms = Array.from({ length: 60 }, (_, n) => timersOf(String(n), wake('tea', at)));
      for (let n = 0; n < 3; n += 1) subject.loop();
      await subject.tell(...alarms);
      await firing(subject, alarms.length);
      const fired = await settled(subject);
      expect(names(fired).toSorted()).toEqual(alarms.map(({ alarm }) => `${alarm} tea`).toSorted());
      expect(new Set(fired.map(({ inputId }) => inputId)).size).toBe(alarms.length);
      await soon(subject, async () => expect(await subject.waiting()).toEqual([]));
    },
  },
  {
    name: 'fires-what-is-overdue',
    sentence: 'what became due while no loop ran fires once one does, and says when it was due',
    run: async (subject) => {
      const longAgo = '2001-01-01T00:00:00.000Z';
      await subject.tell(timersOf('one', wake('tea', longAgo)));
      subject.loop();
      expect(await firing(subject, 1)).toMatchObject([{ alarm: 'one', dueAt: longAgo }]);
    },
  },
  {
    name: 'waits-for-what-is-far',
    sentence: 'a timer of another century waits',
    run: async (subject) => {
      await subject.tell(timersOf('one', wake('tea', '2101-01-01T00:00:00.000Z')));
      subject.loop();
      expect(await settled(subject)).toEqual([]);
      expect(await subject.waiting()).toHaveLength(1);
    },
  },
  {
    name: 'replaces-by-name',
    sentence: 'a timer set again fires at its new time only',
    run: async (subject) => {
      const later = await subject.clock(60);
      await subject.tell(timersOf('one', wake('tea', '2101-01-01T00:00:00.000Z')));
      await subject.tell(timersOf('one', wake('tea', later)));
      subject.loop();
      expect(await firing(subject, 1)).toMatchObject([{ dueAt: later }]);
      expect(await settled(subject)).toHaveLength(1);
      expect(await subject.waiting()).toEqual([]);
    },
  },
  {
    name: 'keeps-names-apart',
    sentence: 'timers of one instance stand beside each other by name, and fire in the order of their times',
    run: async (subject) => {
      const [first, second] = [await subject.clock(-200), await subject.clock(-100)];
      await subject.tell(timersOf('one', wake('b', first), wake('a', second)));
      subject.loop();
      expect(names(await firing(subject, 2))).toEqual(['one b', 'one a']);
    },
  },
  {
    name: 'cancels',
    sentence: 'a cancelled timer does not fire; cancelling what is not set is nothing',
    run: async (subject) => {
      const at = await subject.clock(100);
      await subject.tell(timersOf('one', wake('tea', at), wake('milk', at)));
      await subject.tell(timersOf('one', cancelWake('tea'), cancelWake('nothing')));
      subject.loop();
      await firing(subject, 1);
      expect(names(await settled(subject))).toEqual(['one milk']);
    },
  },
  {
    name: 'ends-with-its-instance',
    sentence: 'timers of an instance that finished are gone',
    run: async (subject) => {
      await subject.tell(timersOf('one', wake('tea', await subject.clock(300))));
      await subject.tell(timersOf('one', { kind: 'finish' }));
      expect(await subject.waiting()).toEqual([]);
      subject.loop();
      expect(await settled(subject)).toEqual([]);
    },
  },
  {
    name: 'keeps-tenants-apart',
    sentence: 'equal instances of two tenants have timers of their own',
    run: async (subject) => {
      const at = await subject.clock();
      await subject.tell(
        { ...timersOf('one', wake('tea', at)), tenantId: 'a' },
        { ...timersOf('one', wake('tea', at)), tenantId: 'b' },
        { ...timersOf('one', cancelWake('tea')), tenantId: 'a' },
      );
      subject.loop();
      expect(await firing(subject, 1)).toMatchObject([{ tenantId: 'b' }]);
      expect(await settled(subject)).toHaveLength(1);
    },
  },
  {
    name: 'carries-the-cause',
    sentence: 'what a timer causes belongs to the correlation of the input that set it',
    run: async (subject) => {
      await subject.tell({
        ...timersOf('one', wake('tea', await subject.clock())),
        correlationId: 'the request',
      });
      subject.loop();
      expect(await firing(subject, 1)).toMatchObject([{ correlationId: 'the request' }]);
    },
  },
  {
    name: 'wakes-on-a-schedule',
    sentence: 'a timer on a cron schedule is due at its next time after now',
    run: async (subject) => {
      const before = Date.parse(await subject.clock());
      const when = { cron: '* * * * *', timeZone: 'Europe/Berlin', spreadMs: 1 };
      await subject.tell(timersOf('one', { kind: 'wake', timer: 'tea', when }));
      const [due = ''] = await subject.waiting();
      const minute = 60_000;
      expect(Date.parse(due) % minute).toBe(0);
      expect(Date.parse(due)).toBeGreaterThan(before);
      expect(Date.parse(due)).toBeLessThanOrEqual(Date.parse(await subject.clock()) + minute);
    },
  },
  {
    name: 'holds-nobody-up',
    sentence: 'an instance whose reaction throws waits by itself, with its timer, while all others fire',
    run: async (subject) => {
      const at = await subject.clock(-50);
      await subject.tell(
        timersOf('bad', wake(brokenTimer, await subject.clock(-100))),
        ...Array.from({ length: 5 }, (_, n) => timersOf(String(n), wake('tea', at))),
      );
      subject.loop();
      await firing(subject, 5);
      expect(names(await settled(subject)).toSorted()).toEqual(['0 tea', '1 tea', '2 tea', '3 tea', '4 tea']);
      expect(await subject.waiting()).toHaveLength(1);
    },
  },
  {
    name: 'survives-cuts',
    sentence:
      'whenever the loops’ connections are cut, and however many loops come and go: each timer fires once',
    run: async (subject) => {
      const loops: { stop(): Promise<void> }[] = [subject.loop()];
      const steps = fc.sample(fc.constantFrom('tell', 'tell', 'cut', 'start', 'stop'), 14);
      const expected: string[] = [];
      for (const [round, step] of steps.entries()) {
        if (step === 'start') loops.push(subject.loop());
        else if (step === 'stop') await loops.shift()?.stop();
        else if (step === 'cut') await subject.cut();
        else {
          const at = await subject.clock((round % 3) * 20);
          const told = Array.from({ length: 25 }, (_, n) =>
            timersOf(`${String(round)}-${String(n)}`, wake('tea', at)),
          );
          expected.push(...told.map(({ alarm }) => `${alarm} tea`));
          await subject.tell(...told);
        }
      }
      subject.loop();
      await firing(subject, expected.length);
      expect(names(await settled(subject)).toSorted()).toEqual(expected.toSorted());
    },
  },
];
