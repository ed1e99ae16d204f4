import { test } from '@jest/globals';
import fc from 'fast-check';
import { memoryWakeups } from '@daybook/infra/database/wakeups.ts';
import { memoryTopicEngine } from '@daybook/infra/topics/memory-topics.ts';
import { histories, live } from './topics-crashes.clauses.ts';
import { processesOver } from './topics-processes.ts';

test('a group survives random histories of joining, leaving, crashing and coming back', async () => {
  const history = async (steps: Parameters<typeof live>[1]): Promise<void> => {
    const broker = { engine: memoryTopicEngine(), wakeups: memoryWakeups() };
    const subject = await processesOver(() => Promise.resolve(broker), {
      leaseMs: 60,
      heartbeatMs: 15,
      patienceMs: 3000,
    });
    try {
      await live(subject.port, steps);
    } finally {
      await subject.close();
    }
  };
  // Histories live apart, so they may live side by side.
  await fc.assert(
    fc.asyncProperty(fc.array(histories, { minLength: 8, maxLength: 8 }), async (several) => {
      await Promise.all(several.map(history));
    }),
    { numRuns: 4, endOnFailure: true },
  );
}, 60_000);
