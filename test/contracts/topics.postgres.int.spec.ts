import { openDatabase } from '@daybook/infra/database/database.ts';
import { postgresWakeups } from '@daybook/infra/database/wakeups.ts';
import { postgresTopicEngine } from '@daybook/infra/topics/postgres-topics.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { registerContract } from './contract.ts';
import { holdTransactionOf } from './held-transaction.ts';
import { processesOver } from './topics-processes.ts';
import { topicsClauses } from './topics.contract.ts';

registerContract('topics', 'postgres', topicsClauses, async () => {
  const fresh = await freshDatabase();
  const subject = await processesOver(
    () => {
      const database = openDatabase({ url: fresh.url, poolSize: 4, log: silentLog });
      const wakeups = postgresWakeups(database, silentLog);
      const whole = postgresTopicEngine({ database, log: silentLog, retention: { everyMs: 0 } });
      const engine = { ...whole, close: () => whole.close().then(() => database.close()) };
      return Promise.resolve({ engine, wakeups });
    },
    { leaseMs: 2_000, heartbeatMs: 200, patienceMs: 15_000 },
    undefined,
    holdTransactionOf(fresh.database, 'select pg_current_xact_id(), count(*) from topics.messages'),
  );
  return {
    port: subject.port,
    close: async () => {
      await subject.close();
      await fresh.drop();
    },
  };
});
