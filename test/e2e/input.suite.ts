import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { must, type Person } from '../support/caller.ts';
import { pageOf, type Stage } from './stage.ts';

/** Bad input: each has a clear answer, and nothing is recorded of it. */
export function inputSuite(stage: () => Stage): void {
  describe('bad input', () => {
    let person: Person;
    beforeAll(async () => {
      person = await stage().join();
    });
    const post = (raw: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
      person.call('POST', '/v1/market/products', { raw, headers });
    const trackBody = (more: object) => ({ url: pageOf(stage().shop, 'fjord-kettle'), ...more });

    test.each([
      ['malformed JSON', '{"url":', 'json-malformed', 400],
      ['an array for an object', '[1]', 'input-invalid', 400],
      ['a number', '42', undefined, 400],
      ['text that is no UTF-8', '{"url":"\u00ff"}', 'input-invalid', 400],
      ['a prototype', '{"__proto__":{"x":1},"url":"x"}', 'input-invalid', 400],
      ['a deep body', `{"url":${'['.repeat(5_000)}${']'.repeat(5_000)}}`, undefined, 400],
      ['a huge body', JSON.stringify({ url: 'x'.repeat(1_000_000) }), 'body-too-large', 413],
    ])('%s', async (_, raw, code, status) => {
      const answer = await post(raw);
      expect(answer.status).toBe(status);
      if (code !== undefined) expect(answer.code).toBe(code);
      expect(answer.headers.get('content-type')).toContain('application/problem+json');
      expect(answer.headers.get('x-correlation-id')).toBeTruthy();
    });

    test('a compressed body and another type are refused', async () => {
      const squeezed = await post(new Uint8Array(gzipSync('{"url":"x"}')), { 'content-encoding': 'gzip' });
      expect(squeezed.status).toBe(415);
      expect((await post('url=x', { 'content-type': 'application/x-www-form-urlencoded' })).status).toBe(415);
    });

    test.each([
      ['no url', {}],
      ['a number for a url', { url: 1 }],
      ['a scheme that is not http', { url: 'ftp://example.com/x' }],
      ['a script', { url: 'javascript:alert(1)' }],
      ['a file', { url: 'file:///etc/passwd' }],
      ['loopback', { url: 'http://127.0.0.1:1/x' }],
      ['loopback by name', { url: 'http://localhost/x' }],
      ['loopback in IPv6', { url: 'http://[::1]/x' }],
      ['loopback as a number', { url: 'http://2130706433/' }],
      ['a private network', { url: 'http://192.168.0.1/x' }],
      ['the metadata service', { url: 'http://169.254.169.254/latest/meta-data' }],
      ['credentials', { url: 'http://user:pass@example.com/' }],
    ])('a url that is %s', async (_, body) => {
      const answer = await person.call('POST', '/v1/market/products', { body });
      expect([answer.status, answer.code]).toEqual([400, 'input-invalid']);
      expect(JSON.stringify((answer.body as { errors: unknown }).errors)).toContain('url');
    });

    test.each([
      ['an unknown field', { colour: 'red' }],
      ['an unknown time zone', { schedule: { cron: '0 6 * * *', timeZone: 'Mars/Olympus' } }],
      ['an unknown cron', { schedule: { cron: 'often', timeZone: 'UTC' } }],
      ['six fields of cron', { schedule: { cron: '* * * * * *', timeZone: 'UTC' } }],
      ['an unknown source', { source: 'bazaar' }],
      ['tags that are no list', { tags: 'light' }],
      ['an endless name', { name: 'x'.repeat(10_000) }],
    ])('%s', async (_, more) => {
      const answer = await person.call('POST', '/v1/market/products', { body: trackBody(more) });
      expect([answer.status, answer.code]).toEqual([400, 'input-invalid']);
    });

    test.each([
      ['an empty body', {}],
      ['an address that is none', { email: 'nobody', name: 'x', business_name: 'x', intent: 'x' }],
      ['a missing name', { email: 'a@example.com', business_name: 'x', intent: 'x' }],
      ['a name of blanks', { email: 'a@example.com', name: '  ', business_name: 'x', intent: 'x' }],
      ['a number for a name', { email: 'a@example.com', name: 1, business_name: 'x', intent: 'x' }],
    ])('a sign-up with %s', async (_, body) => {
      expect((await stage().call('POST', '/v1/auth/signup', { body })).status).toBe(400);
    });

    test('an id that is none, a method that is none, a path that is none', async () => {
      expect((await person.call('GET', '/v1/market/products/not-an-id')).status).toBeGreaterThanOrEqual(400);
      expect((await person.call('PUT', '/v1/market/products', { body: {} })).status).toBe(405);
      expect((await person.call('GET', '/v1/nothing')).status).toBe(404);
      expect((await person.call('POST', '/internal/commands/TrackProduct', { body: {} })).status).toBe(401);
    });

    test('a key that is none', async () => {
      const answer = await person.call('POST', '/v1/market/products', {
        body: trackBody({}),
        headers: { 'idempotency-key': 'x'.repeat(300) },
      });
      expect([answer.status, answer.code]).toEqual([400, 'header-invalid']);
    });

    test('nothing of all that was recorded', async () => {
      const { items } = must(await person.call('GET', '/v1/market/products'), 200) as { items: unknown[] };
      expect(items).toEqual([]);
    });
  });
}
