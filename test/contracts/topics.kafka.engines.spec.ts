import { randomUUID } from 'node:crypto';
import { jest } from '@jest/globals';
import { openDatabase } from '@daybook/infra/database/database.ts';
import { postgresWakeups } from '@daybook/infra/database/wakeups.ts';
import { kafkaTopicEngine } from '@daybook/infra/topics/kafka-topics.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { describeWithEngines } from '../engines/engine-suite.ts';
import { kafkaDrivers, type KafkaDriver } from '../engines/rdkafka.ts';
import { registerContract } from './contract.ts';
import { holdTransactionOf } from './held-transaction.ts';
import { renamed } from './topics.kafka-subject.ts';
import { processesOver } from './topics-processes.ts';
import { topicsClauses } from './topics.contract.ts';

jest.setTimeout(60_000);

const suite = (driver: KafkaDriver) => (brokers: string) => {
  // The report's column is that of the driver that is always there.
  const adapter = driver === 'kafkajs' ? 'kafka' : `kafka by ${driver}`;
  registerContract('topics', adapter, topicsClauses, async () => {
    const fresh = await freshDatabase();
    // The broker is one for all clauses: each has topics of its own.
    const prefix = `${randomUUID()}.`;
    const subject = await processesOver(
      () => {
        const database = openDatabase({ url: fresh.url, poolSize: 4, log: silentLog });
        const wakeups = postgresWakeups(database, silentLog);
        const settings = { brokers: brokers.split(','), driver };
        const whole = renamed(
          kafkaTopicEngine({ settings, name: 'contract', database, log: silentLog }),
          prefix,
        );
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
};

for (const { driver, lacks } of kafkaDrivers) {
  describeWithEngines(`kafka by ${driver}`, ['kafka'], suite(driver), lacks);
}
