import { expect, test } from '@jest/globals';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { hostsDue } from './hosts-due.ts';

test('counts the hosts whose turn has come and that nobody serves', async () => {
  const { database, drop } = await freshDatabase();
  try {
    expect(await hostsDue(database)).toBe(0);
    await database.pool.query(`
      insert into scraping.hosts (host, waiting, next_at, leased_until) values
        ('due.example', true, now() - interval '1 s', '-infinity'),
        ('later.example', true, now() + interval '1 h', '-infinity'),
        ('served.example', true, now() - interval '1 s', now() + interval '1 h'),
        ('idle.example', false, now() - interval '1 s', '-infinity')`);
    expect(await hostsDue(database)).toBe(1);
  } finally {
    await drop();
  }
});
