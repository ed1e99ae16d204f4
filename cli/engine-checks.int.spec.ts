import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { eventStoreDb } from '@daybook/infra/event-store/event-store-db/event-store-db.ts';
import { noteFollowedLog } from '@daybook/infra/event-store/followed-log.ts';
import { expectTopicsAt } from '@daybook/infra/topics/topics-home.ts';
import { beginning } from '@daybook/kernel/event.ts';
import { startStandIn } from '@daybook/test/fakes/event-store-db/server.ts';
import { freshDatabase, serverUrl } from '@daybook/test/support/postgres.ts';
import { startDaybook } from '@daybook/test/support/processes.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { checkEngines } from './engine-checks.ts';
import type { Finding } from './finding.ts';
import { engineConfig } from './start-checks.ts';

type Env = Readonly<Record<string, string>>;

/** What is found with an environment. Passwords of tests are `lovelace`: nothing found names one. */
async function found(env: Env, databaseUrl?: string): Promise<readonly Finding[]> {
  const findings = await checkEngines({ config: engineConfig(env), databaseUrl, log: silentLog });
  expect(JSON.stringify(findings)).not.toContain('lovelace');
  return findings;
}

/** What a wrong finding says, and says to do. */
const wrongs = (findings: readonly Finding[]): readonly string[] =>
  findings.filter(({ verdict }) => verdict === 'wrong').map(({ says, todo }) => `${says} → ${String(todo)}`);

/** An address at which nobody listens. */
let nowhere: string;
beforeAll(async () => {
  const server = createServer();
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  nowhere = `127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  await new Promise((closed) => server.close(closed));
});

describe('engines', () => {
  let fresh: Awaited<ReturnType<typeof freshDatabase>>;
  const closers: (() => Promise<void>)[] = [];
  beforeEach(async () => {
    fresh = await freshDatabase();
    closers.push(fresh.drop);
  });
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  /** A server of the web that answers with this to everything. */
  async function answering(status: number, body: string): Promise<string> {
    const server: Server = createServer((_, response) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    });
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    closers.push(
      () =>
        new Promise((closed) => {
          server.closeAllConnections();
          server.close(() => closed());
        }),
    );
    return `http://ada:lovelace@127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  }

  test('all in one database is well', async () => {
    expect((await found({}, fresh.url)).map(({ verdict, says }) => `${verdict}: ${says}`)).toEqual([
      'well: in the database',
      'well: in the database',
      'well: in the database',
    ]);
  });

  test('a log that is there is well, one that is away or refuses the credentials is not', async () => {
    const credentials = { username: 'ada', password: 'lovelace' };
    const store = await startStandIn({ credentials });
    closers.push(store.stop);
    expect(await found({ EVENTSTORE_URL: store.url })).toContainEqual({
      about: 'Log',
      verdict: 'well',
      says: 'EventStoreDB, empty',
    });
    const stranger = store.url.replace('ada:lovelace', 'bob:lovelace');
    expect(wrongs(await found({ EVENTSTORE_URL: stranger }))).toEqual([
      expect.stringMatching(/refuses the credentials.* → .*EVENTSTORE_URL/),
    ]);
    expect(wrongs(await found({ EVENTSTORE_URL: `esdb://ada:lovelace@${nowhere}?tls=false` }))).toEqual([
      expect.stringMatching(/EventStoreDB cannot be reached.* → Start it, or correct EVENTSTORE_URL/),
    ]);
    expect(wrongs(await found({ EVENTSTORE_URL: `${store.url}&tlz=1` }))).toEqual([
      expect.stringContaining('EVENTSTORE_URL has an option that is not known: tlz'),
    ]);
  });

  test('the log of another installation is not that of the database', async () => {
    const store = await startStandIn();
    closers.push(store.stop);
    await noteFollowedLog(fresh.database.pool, {
      log: randomUUID(),
      epoch: '1.a',
      position: beginning,
      eventId: null,
    });
    const other = await found({ EVENTSTORE_URL: store.url }, fresh.url);
    expect(wrongs(other)).toEqual([
      expect.stringMatching(/consumers of another log.* → Name the log that belongs to it/),
    ]);
    // Nobody looked into it with more than a look: it may be the log of somebody else.
    expect([...store.calls.keys()]).toEqual(['read']);
    expect(wrongs(await found({}, fresh.url))).toEqual(wrongs(other));
    const own = eventStoreDb({ url: store.url, name: 'test' });
    closers.push(() => own.close());
    await noteFollowedLog(fresh.database.pool, {
      ...(await own.identity()),
      position: beginning,
      eventId: null,
    });
    expect(wrongs(await found({ EVENTSTORE_URL: store.url }, fresh.url))).toEqual([]);
  });

  test('looking gives an empty log no name, and an empty database no tables', async () => {
    const store = await startStandIn();
    closers.push(store.stop);
    await fresh.database.pool.query('drop schema runtime cascade');
    expect(wrongs(await found({ EVENTSTORE_URL: store.url }, fresh.url))).toEqual([]);
    expect(store.log.all()).toEqual([]);
    const { rows } = await fresh.database.pool.query(`select to_regnamespace('runtime') as there`);
    expect(rows).toEqual([{ there: null }]);
  });

  test('a registry that is away, is none, or refuses the credentials is told apart', async () => {
    const says = async (url: string): Promise<readonly string[]> =>
      wrongs(await found({ SCHEMA_REGISTRY_URL: url }));
    expect(await says(`http://ada:lovelace@${nowhere}`)).toEqual([
      expect.stringMatching(/The schema registry is away\..* → Start it, or correct SCHEMA_REGISTRY_URL/),
    ]);
    expect(await says(await answering(404, '{}'))).toEqual([
      expect.stringContaining('There is no schema registry at this address.'),
    ]);
    expect(await says(await answering(200, '{}'))).toEqual([
      expect.stringContaining('There is no schema registry at this address.'),
    ]);
    expect(await says(await answering(401, '{}'))).toEqual([
      expect.stringContaining('The schema registry refuses the credentials.'),
    ]);
  });

  test('brokers want a registry, both halves of their credentials, and to be there: all of it is told', async () => {
    const brokers = { KAFKA_BROKERS: nowhere };
    expect(wrongs(await found(brokers))).toEqual([
      expect.stringMatching(/without SCHEMA_REGISTRY_URL.* → Name a registry/),
      expect.stringMatching(/^Kafka cannot be reached.* → Start it, or correct KAFKA_BROKERS/),
    ]);
    expect(wrongs(await found({ ...brokers, KAFKA_PASSWORD: 'lovelace' }))).toContainEqual(
      expect.stringMatching(/KAFKA_USERNAME and KAFKA_PASSWORD go together.* → Set both, or neither/),
    );
  });

  test('a database whose topics are in a cluster is not to go on without it', async () => {
    await expectTopicsAt('cluster-1', fresh.database);
    expect(wrongs(await found({}, fresh.url))).toEqual([
      expect.stringMatching(/in the Kafka cluster cluster-1.* → Name the cluster that belongs to it/),
    ]);
  });
});

describe('a start with much that is wrong', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'daybook-start-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function said(args: readonly string[], env: Env): Promise<Readonly<{ code: unknown; text: string }>> {
    const one = startDaybook(args, { DAYBOOK_DATA: join(folder, 'data'), ...env });
    const code = await one.ended;
    expect(one.output()).not.toMatch(/lovelace|^ +at /m);
    return { code, text: one.output() };
  }

  test('ends with one message that lists all of it, and the doctor says the same', async () => {
    const env = {
      DATABASE_URL: serverUrl('no_such_database'),
      EVENTSTORE_URL: `esdb://ada:lovelace@${nowhere}?tls=false`,
      KAFKA_BROKERS: nowhere,
    };
    const start = await said(['up', '--port', '0'], env);
    expect(start.code).toBe(3);
    expect(start.text).toMatch(/^Daybook does not start: 4 things are to be mended first\.$/m);
    const doctor = await said(['doctor', '--port', '0'], env);
    expect(doctor.code).toBe(1);
    const lines = [
      /does not exist$/m,
      /EventStoreDB cannot be reached\./,
      /KAFKA_BROKERS is given without SCHEMA_REGISTRY_URL/,
      /Kafka cannot be reached/,
      /→ Create it, or correct the name at the end of DATABASE_URL\./,
      /→ Start it, or correct EVENTSTORE_URL\./,
      /→ Start it, or correct KAFKA_BROKERS/,
    ];
    for (const line of lines) {
      expect(start.text).toMatch(line);
      expect(doctor.text).toMatch(line);
    }
    const alone = await said(['run', 'projectors', '--port', '0'], env);
    expect(alone).toEqual(start);
  }, 60_000);

  test('names settings that make no sense beside engines that are away', async () => {
    const env = {
      PORT: 'many',
      DATABASE_URL: serverUrl('no_such_database'),
      KAFKA_BROKERS: 'kafka',
      SCHEMA_REGISTRY_URL: `http://ada:lovelace@${nowhere}`,
    };
    const start = await said(['up'], env);
    expect(start.code).toBe(3);
    const doctor = await said(['doctor'], env);
    for (const line of [
      /PORT: /,
      /KAFKA_BROKERS: must be host:port/,
      /The schema registry is away/,
      /"no_such_database" does not exist/,
    ]) {
      expect(start.text).toMatch(line);
      expect(doctor.text).toMatch(line);
    }
  }, 60_000);
});
