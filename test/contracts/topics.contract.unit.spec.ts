import { memoryWakeups } from '@daybook/infra/database/wakeups.ts';
import { memoryTopicEngine } from '@daybook/infra/topics/memory-topics.ts';
import { registerContract, without } from './contract.ts';
import { processesOver } from './topics-processes.ts';
import { topicsClauses } from './topics.contract.ts';
import { clausesOfTransactions } from './event-store.subject.ts';

registerContract('topics', 'memory', without(topicsClauses, clausesOfTransactions), () => {
  const broker = { engine: memoryTopicEngine(), wakeups: memoryWakeups() };
  return processesOver(() => Promise.resolve(broker), { leaseMs: 400, heartbeatMs: 50, patienceMs: 4000 });
});
