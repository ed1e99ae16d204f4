/** The relay with publishing and checkpoint as two steps, as for engines other than the database: a process of its own. */
import { environment } from '@daybook/infra/config/environment.ts';
import { openDatabase } from '@daybook/infra/database/database.ts';
import { memoryWakeups } from '@daybook/infra/database/wakeups.ts';
import { postgresEventStore } from '@daybook/infra/event-store/postgres.ts';
import { armFailpoints } from '@daybook/infra/failpoints/failpoint.ts';
import { readFailpoints } from '@daybook/infra/failpoints/plan.ts';
import { pinoLog } from '@daybook/infra/logging/pino-log.ts';
import { makeMessageCodec } from '@daybook/infra/registry/codec.ts';
import { postgresSchemaRegistry } from '@daybook/infra/registry/postgres.ts';
import { relayThroughTopics } from '@daybook/infra/relay/relay-output.ts';
import { runRelay } from '@daybook/infra/relay/relay.ts';
import { postgresTopics } from '@daybook/infra/topics/postgres-topics.ts';
import { eventsTopic } from '@daybook/schemas/topics.ts';

const { DATABASE_URL: url = '', FAILPOINTS = '' } = environment();
armFailpoints(readFailpoints(FAILPOINTS).plans);
const log = pinoLog({ level: 'info', pretty: false });
const database = openDatabase({ url, applicationName: 'daybook relay', log });
const wakeups = memoryWakeups();
await runRelay({
  eventStore: postgresEventStore({ database, wakeups, log }),
  codec: makeMessageCodec({ registry: postgresSchemaRegistry(database) }),
  output: relayThroughTopics({
    database,
    topics: postgresTopics({ database, wakeups, log }),
    topic: eventsTopic,
  }),
  log,
  signal: AbortSignal.timeout(60_000),
});
