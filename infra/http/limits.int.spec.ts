import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '@daybook/test/support/eventually.ts';
import { startHttpSystem, type HttpSystem } from './system.fixture.ts';

describe('rate limits of two processes on one database', () => {
  let one: HttpSystem;
  let two: HttpSystem;
  beforeAll(async () => {
    const limits = { generalPerMinute: 20, authPerMinute: 4 };
    one = await startHttpSystem({ limits });
    two = await startHttpSystem({ limits, beside: one });
  });
  afterAll(async () => {
    await two.close();
    await one.close();
  });

  test('public commands are counted over both, by address', async () => {
    const statuses: number[] = [];
    for (let n = 0; n < 6; n += 1) {
      const on = n % 2 === 0 ? one : two;
      const reply = await on.call('POST', '/v1/knock', { body: { email: 'ada@example.com' } });
      statuses.push(reply.status);
      if (reply.status === 429) {
        expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0);
        expect(reply.headers.get('ratelimit')).toMatch(/^"auth";r=0;t=\d+$/);
        expect(reply.json).toMatchObject({ code: 'rate-limited', about: { policy: 'auth' } });
      }
    }
    expect(statuses).toEqual([202, 202, 202, 202, 429, 429]);
  });

  test('what one user asks of one process counts in the other', async () => {
    const token = await one.tokenOf({ userId: 'user-7' });
    for (let n = 0; n < 20; n += 1) await one.call('GET', '/v1/notes', { token });
    expect((await one.call('GET', '/v1/notes', { token })).status).toBe(429);
    await eventually(async () => {
      expect((await two.call('GET', '/v1/notes', { token })).status).toBe(429);
    });
    expect(
      (await two.call('GET', '/v1/notes', { token: await one.tokenOf({ userId: 'user-8' }) })).status,
    ).toBe(200);
  });

  test('bad tokens count against their address', async () => {
    const statuses = new Set<number>();
    for (let n = 0; n < 22; n += 1) {
      statuses.add((await one.call('GET', '/v1/notes', { token: `bad.${String(n)}.x` })).status);
    }
    expect([...statuses]).toEqual([401, 429]);
  });
});
