import type { Bar } from './bar.ts';
import { openVisibleChain, perSecond } from './visible-chain.ts';

export const bar: Bar = {
  name: 'p11',
  title: `From the acknowledged append to the read model, ${String(perSecond)} events/s: store and relay in one process, the projector in another.`,
  prepare: async (bench) => {
    const chain = await openVisibleChain(bench, 'none');
    return {
      contests: [
        {
          subject: {
            name: `99th percentile at ${String(perSecond)} events/s`,
            unit: 'ms',
            run: () => chain.run(),
          },
          gate: 25,
          goal: 10,
          better: 'lower',
        },
      ],
      close: () => chain.close(),
    };
  },
};
