import type { Bar } from './bar.ts';
import { openVisibleChain, perSecond, type Lost, type VisibleChain } from './visible-chain.ts';

/**
 * Pauses between two looks while there is traffic, as the platform has them, in milliseconds. KEEP IN SYNC:
 * infra/event-store/postgres.ts, infra/topics/make-topics.ts, infra/runtime/positions.ts
 */
const relayMs = 20;
const memberMs = 10;
const readerMs = 50;
/** What the work may take beside the pauses. */
const workMs = 10;

export const bar: Bar = {
  name: 'p12',
  title: `The way of P11 with its wake-ups lost: no longer than the pauses of those who poll on it, and ${String(workMs)} ms.`,
  prepare: async (bench) => {
    const cases: readonly (readonly [Lost, string, number])[] = [
      ['notify', 'NOTIFY lost', memberMs + readerMs],
      ['all', 'every signal lost', relayMs + memberMs + readerMs],
    ];
    const chains: VisibleChain[] = [];
    for (const [lost] of cases) chains.push(await openVisibleChain(bench, lost));
    return {
      contests: cases.map(([, name, pausesMs], index) => ({
        subject: {
          name: `99th percentile at ${String(perSecond)} events/s, ${name}: pauses of ${String(pausesMs)} ms on the way`,
          unit: 'ms',
          run: () => chains[index]?.run() ?? Promise.reject(new Error('There is no such chain.')),
        },
        gate: pausesMs + workMs,
        goal: pausesMs + workMs,
        better: 'lower' as const,
      })),
      close: async () => {
        await Promise.all(chains.map((chain) => chain.close()));
      },
    };
  },
};
