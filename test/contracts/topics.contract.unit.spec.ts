import { memoryWakeups } from '@daybook/infra/database/wakeups.ts';
import { memoryTopicEngine } from '@daybook/infra/topics/memory-topics.ts';
import { registerContract } from './contract.ts';
import { processesOver } from './topics-processes.ts';
import { topicsClauses } from './topics.contract.ts';

registerContract('topics', 'memory', topicsClauses, () => {
  const broker = { engine: memoryTopicEngine(), wakeups: memoryWakeups() };
  return processesOver(() => Promise.resolve(broker), { leaseMs: 400, heartbeatMs: 50, patienceMs: 4000 });
});
