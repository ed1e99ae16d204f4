import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import type { Database } from '../database/database.ts';
import { expectTopicsAt, homeInDatabase } from './topics-home.ts';

describe('where the messages of topics are', () => {
  let database: Database;
  let drop: () => Promise<void>;
  beforeEach(async () => {
    ({ database, drop } = await freshDatabase());
  });
  afterEach(() => drop());

  test('is noted once, and nowhere else is accepted afterwards', async () => {
    await Promise.all([expectTopicsAt('cluster-1', database), expectTopicsAt('cluster-1', database)]);
    await expectTopicsAt('cluster-1', database);
    for (const other of ['cluster-2', homeInDatabase]) {
      await expect(expectTopicsAt(other, database)).rejects.toMatchObject({
        code: 'configuration-invalid',
        message: expect.stringContaining('in the Kafka cluster cluster-1'),
      });
    }
  });

  test('is PostgreSQL for a database that published before this was noted', async () => {
    await database.pool.query(
      `insert into topics.relays (name, epoch, expires_at, position, forwarded) values ('events', 1, now(), lpad('7', 20, '0'), 7)`,
    );
    await expect(expectTopicsAt('cluster-1', database)).rejects.toMatchObject({
      message: expect.stringContaining('are in PostgreSQL, and KAFKA_BROKERS names the cluster cluster-1'),
    });
    await expectTopicsAt(homeInDatabase, database);
  });
});
