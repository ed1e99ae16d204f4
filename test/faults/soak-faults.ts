/** The faults of a soak: each does something bad for a while, and undoes it. */
import { failpoints } from '@daybook/infra/failpoints/names.ts';
import type { Proxy } from '../support/proxy.ts';
import type { System } from '../support/system.ts';
import type { OddClock } from './odd-clocks.ts';
import { endServer, hangServer, type Server } from './server.ts';

/** What can be broken. */
export type SoakSubject = Readonly<{
  system: System;
  server: Server;
  proxy: Proxy;
  /** By the name of the process. */
  clocks: ReadonlyMap<string, OddClock>;
  /** Ends a process with SIGKILL and has it start again, with these failpoints. */
  restart: (name: string, failpointPlan?: string) => Promise<void>;
}>;

export type Chance = Readonly<{
  /** A whole number from `least` to `most`. */
  between: (least: number, most: number) => number;
  oneOf: <T>(items: readonly T[]) => T;
}>;

/** Says what it does, and does it for as long as it takes. */
type Fault = (
  subject: SoakSubject,
  chance: Chance,
) => Readonly<{ says: string; run: () => Promise<void> | void }>;

/** mulberry32 (public domain, Tommy Ettinger): small, and the same on every machine. */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const between = (least: number, most: number): number => least + Math.floor(next() * (most - least + 1));
  return { between, oneOf: (items) => items[between(0, items.length - 1)] as (typeof items)[number] };
}

const wait = (ms: number): Promise<void> => new Promise((wake) => setTimeout(wake, ms));
const servicesOf = ({ system }: SoakSubject): readonly string[] => [...system.processes.keys()];

/** Every kind of fault once; a soak draws from them. */
export const soakFaults: readonly Fault[] = [
  (subject, { oneOf }) => {
    const name = oneOf(servicesOf(subject));
    return { says: `kill -9 of ${name}`, run: () => subject.restart(name) };
  },
  (subject, { between, oneOf }) => {
    const name = oneOf(servicesOf(subject));
    const does = oneOf(['kill', 'throw', `delay:${String(between(100, 3_000))}`]);
    const plan = `${oneOf(Object.keys(failpoints))}:${String(between(1, 20))}:${does}`;
    return { says: `${name} starts anew with ${plan}`, run: () => subject.restart(name, plan) };
  },
  (subject, { between, oneOf }) => {
    const [name, ms] = [oneOf(servicesOf(subject)), between(500, 8_000)];
    return {
      says: `SIGSTOP of ${name} for ${String(ms)} ms`,
      run: async () => {
        const one = subject.system.processes.get(name);
        one?.signal('SIGSTOP');
        await wait(ms);
        one?.signal('SIGCONT');
      },
    };
  },
  ({ server }, { oneOf }) => {
    const signal = oneOf(['SIGKILL', 'SIGQUIT'] as const);
    return {
      says: `${signal} to PostgreSQL`,
      run: () => endServer(server.folder, signal).catch(() => undefined),
    };
  },
  ({ server }, { between }) => {
    const ms = between(500, 6_000);
    return {
      says: `PostgreSQL hangs for ${String(ms)} ms`,
      run: async () => {
        const goOn = await hangServer(server.folder).catch(() => () => undefined);
        await wait(ms);
        goOn();
      },
    };
  },
  ({ proxy }) => ({
    says: 'every connection is reset',
    run: () => {
      proxy.reset();
    },
  }),
  ({ proxy }, { between, oneOf }) => {
    const times = between(1, 10);
    const statement = oneOf([/^commit$/i, /log\.append\(/, /topics\.\w+\(/, /runtime\.\w+/]);
    return {
      says: `${String(times)} answers to ${statement.source} are lost`,
      run: () => {
        proxy.loseAnswer(statement, times);
      },
    };
  },
  ({ proxy }, { between }) => {
    const [delay, ms] = [between(5, 60), between(500, 5_000)];
    return {
      says: `the network is ${String(delay)} ms slower for ${String(ms)} ms`,
      run: async () => {
        proxy.delay(delay);
        await wait(ms);
        proxy.delay(0);
      },
    };
  },
  ({ proxy }, { between, oneOf }) => {
    const [weather, ms] = [oneOf(['silent', 'down'] as const), between(500, 6_000)];
    return {
      says: `the network is ${weather} for ${String(ms)} ms`,
      run: async () => {
        proxy.turn(weather);
        await wait(ms);
        proxy.turn('clear');
      },
    };
  },
  ({ clocks }, { between, oneOf }) => {
    const away = ['projectors', 'scrapers', 'sagas'].flatMap((name) =>
      [...clocks].filter(([one]) => one.startsWith(name)),
    );
    const [name, clock] = oneOf(away);
    const [shift, ms] = [oneOf([-86_400_000, -300_000, 300_000, 86_400_000]), between(500, 5_000)];
    return {
      says: `the clock of ${name} is off by ${String(shift)} ms for ${String(ms)} ms`,
      run: async () => {
        clock.set(shift);
        await wait(ms);
        clock.set(0);
      },
    };
  },
  ({ clocks }, { between, oneOf }) => {
    const [name, clock] = oneOf([...clocks]);
    const ms = between(1_000, 8_000);
    return {
      says: `${name} stands still for 200 ms every second, for ${String(ms)} ms`,
      run: async () => {
        clock.stall(200);
        await wait(ms);
        clock.stall(0);
      },
    };
  },
];
