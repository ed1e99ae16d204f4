import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { quietDatabase, type House } from '@daybook/infra/backup/house.fixture.ts';
import { exitCodes } from '../sentences.ts';
import { onFailpoint } from '@daybook/infra/failpoints/failpoint.ts';
import { retryParked } from './parked.ts';

let house: House;
let data: string;
const former = process.env['DATABASE_URL'];
beforeEach(async () => {
  house = await quietDatabase();
  data = await mkdtemp(join(tmpdir(), 'daybook-parked-'));
  process.env['DATABASE_URL'] = house.url;
});
afterEach(async () => {
  if (former === undefined) delete process.env['DATABASE_URL'];
  else process.env['DATABASE_URL'] = former;
  jest.restoreAllMocks();
  await house.drop();
  await rm(data, { recursive: true, force: true });
});

test('a consumer that nobody has is wrong usage; one with nothing parked is not', async () => {
  let said = '';
  const note = (text: unknown): boolean => {
    said += String(text);
    return true;
  };
  jest.spyOn(process.stderr, 'write').mockImplementation(note);
  jest.spyOn(process.stdout, 'write').mockImplementation(note);
  await house.database.pool.query(
    `insert into topics.relays (name, owner, instance, epoch, expires_at, position)
     values ('main', null, 'i', 1, now(), '')`,
  );
  expect(await retryParked(undefined, { data, consumer: 'typo' })).toBe(exitCodes.usage);
  expect(said).toMatch(/There is no consumer "typo"\. Known: .*products\.v\d.*relay main/);
  said = '';
  expect(await retryParked(undefined, { data, consumer: 'relay main' })).toBe(exitCodes.ok);
  expect(said).toBe('0 handed back.\n');
});

test('what a running service hands back first, for it was decided here, is handed back', async () => {
  let said = '';
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
  const { pool } = house.database;
  await pool.query(
    `insert into runtime.effects (id, process, tenant_id, instance_id, effect, metadata, status, attempts, reason, closed_at)
     values (gen_random_uuid(), 'sagaOfTest', 't', 'i', '{"kind":"call","effect":"look","input":{}}',
       '{"commandId":"c","correlationId":"r"}', 'dead', 12, 'timeout: slow', now())`,
  );
  const quicker = onFailpoint('parking.acting', {
    does: async () => {
      await pool.query(`update runtime.effects set status = 'pending', closed_at = null, attempts = 0`);
    },
  });
  try {
    expect(await retryParked(undefined, { data, tenant: 't' })).toBe(exitCodes.ok);
  } finally {
    quicker();
  }
  expect(said).toBe('1 handed back.\n');
});
