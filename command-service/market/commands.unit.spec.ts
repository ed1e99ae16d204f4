import { describe, expect, test } from '@jest/globals';
import type { CommandResult } from '@daybook/kernel/ports/outside.ts';
import { commandHouse } from '@daybook/test/support/command-house.ts';

const url = 'https://shop.example/kettle';
const amazon = 'https://www.amazon.de/dp/B07ABCDE12';

const outcome = (result: CommandResult): unknown => (result.ok ? result.answer : result.rejection.code);

function productIdOf(result: CommandResult): string {
  if (!result.ok) throw new Error(result.rejection.detail);
  return (result.answer as { productId: string }).productId;
}

describe('tracking', () => {
  test('has defaults: told by the host, daily at six in the tenant’s time zone', async () => {
    const house = commandHouse();
    await house.send('ProvisionTenant', {
      tenantId: 'test-shop-c8e44f',
      ownerId: 'user-0123456789',
      name: 'Test Shop',
      timeZone: 'Europe/Berlin',
    });
    const productId = productIdOf(await house.send('TrackProduct', { url: `${url}?utm_source=mail#top` }));
    const event = (await house.events()).at(-1);
    expect(event).toMatchObject({
      type: 'ProductTracked',
      stream: `product-${productId}`,
      data: {
        productId,
        url,
        host: 'shop.example',
        source: 'page',
        name: null,
        tags: [],
        group: null,
        schedule: { cron: '0 6 * * *', timeZone: 'Europe/Berlin' },
      },
    });
  });

  test('takes what is given; tags count once', async () => {
    const house = commandHouse();
    const schedule = { cron: '*/30 * * * *', timeZone: 'Asia/Tokyo' };
    const given = { url, name: ' Kettle ', tags: ['a', ' b', 'a'], group: 'kettles', schedule };
    await house.send('TrackProduct', given);
    expect((await house.events()).at(-1)?.data).toMatchObject({
      name: 'Kettle',
      tags: ['a', 'b'],
      group: 'kettles',
      schedule,
    });
  });

  test('the same page again names the first; another tenant has its own', async () => {
    const house = commandHouse();
    const first = productIdOf(await house.send('TrackProduct', { url }));
    const again = await house.send('TrackProduct', { url: `${url}?gclid=1` });
    expect(again).toMatchObject({
      ok: false,
      rejection: { code: 'already-tracked', about: { productId: first } },
    });
    const other = productIdOf(await house.send('TrackProduct', { url }, { tenantId: 'other' }));
    expect(other).not.toBe(first);
  });

  test.each([
    [{}, 'url'],
    [{ url: 'kettle' }, 'url: is not a URL'],
    [{ url: 'http://127.0.0.1/' }, 'url: points to a private or local address'],
    [{ url: 'http://0x7f.1/' }, 'url: points to a private or local address'],
    [{ url: 'http://[::ffff:10.0.0.1]/' }, 'url: points to a private or local address'],
    [{ url: 'http://169.254.169.254/latest' }, 'url: points to a private or local address'],
    [{ url: 'http://printer.local/' }, 'url: points to a private or local address'],
    [{ url: `https://shop.example/${'x'.repeat(2_000)}` }, 'url'],
    [{ url, source: 'bazaar' }, 'source'],
    [{ url, schedule: { cron: '0 6 * * *', timeZone: 'Mars/Olympus' } }, 'schedule.timeZone'],
    [{ url, schedule: { cron: 'often', timeZone: 'UTC' } }, 'schedule.cron'],
    [{ url, schedule: { cron: '0 6 * * *' } }, 'schedule.timeZone'],
    [{ url, tags: Array.from({ length: 21 }, String) }, 'tags'],
    [{ url, colour: 'red' }, 'colour'],
  ])('refuses %j', async (input, problem) => {
    const result = await commandHouse().send('TrackProduct', input);
    expect(outcome(result)).toBe('input-invalid');
    expect(JSON.stringify(result)).toContain(problem);
  });

  test('a private address that is allowed may be tracked, by its own port only', async () => {
    const house = commandHouse({
      allowsPrivateHost: (host, port) => host === '127.0.0.1' && (port === 8_123 || port === 443),
    });
    expect(outcome(await house.send('TrackProduct', { url: 'http://127.0.0.1:8123/a' }))).toHaveProperty(
      'productId',
    );
    expect(outcome(await house.send('TrackProduct', { url: 'https://127.0.0.1/a' }))).toHaveProperty(
      'productId',
    );
    expect(outcome(await house.send('TrackProduct', { url: 'http://127.0.0.1/a' }))).toBe('input-invalid');
  });

  test('a source that is off at first is tracked once the tenant turns it on', async () => {
    const house = commandHouse();
    expect(outcome(await house.send('TrackProduct', { url: amazon }))).toBe('source-off');
    await house.send('SwitchSource', { source: 'amazon', enabled: true });
    expect(outcome(await house.send('TrackProduct', { url: amazon }, { tenantId: 'other' }))).toBe(
      'source-off',
    );
    expect(outcome(await house.send('TrackProduct', { url: amazon }))).toHaveProperty('productId');
  });
});

describe('a tracked product', () => {
  test('goes through its life', async () => {
    const house = commandHouse();
    const productId = productIdOf(await house.send('TrackProduct', { url }));
    const send = async (command: string, more: object = {}) =>
      outcome(await house.send(command, { productId, ...more }));
    expect(await send('ChangeProduct', { name: 'Kettle', tags: ['a', 'a'], group: null })).toEqual({
      productId,
    });
    expect(await send('PauseProduct')).toEqual({ productId });
    expect(await send('ResumeProduct')).toEqual({ productId });
    expect(await send('CheckProduct')).toEqual({ productId, requestId: expect.any(String) });
    expect(await send('StopProduct')).toEqual({});
    expect(await send('CheckProduct')).toBe('product-stopped');
    expect(productIdOf(await house.send('TrackProduct', { url }))).toBe(productId);
    expect((await house.events()).map(({ type }) => type)).toEqual([
      'ProductTracked',
      'ProductRenamed',
      'ProductTagged',
      'ProductPaused',
      'ProductResumed',
      'CheckRequested',
      'ProductStopped',
      'ProductTracked',
    ]);
  });

  test('of another tenant is like none', async () => {
    const house = commandHouse();
    const productId = productIdOf(await house.send('TrackProduct', { url }));
    for (const command of ['ChangeProduct', 'PauseProduct', 'ResumeProduct', 'StopProduct', 'CheckProduct']) {
      const foreign = await house.send(command, { productId }, { tenantId: 'other' });
      const missing = await house.send(command, { productId: '00000000-0000-4000-8000-000000000000' });
      expect(foreign).toEqual(missing);
      expect(outcome(foreign)).toBe('product-unknown');
    }
  });

  test('records each observation once', async () => {
    const house = commandHouse();
    const productId = productIdOf(await house.send('TrackProduct', { url }));
    const seen = { productId, requestId: 'r', observedAt: '2026-01-01T06:00:00.000Z', snapshotHash: 'ab' };
    const price = {
      ...seen,
      observationId: 'o1',
      price: { amountMinor: 4_990, currency: 'EUR' },
      availability: 'inStock',
      seller: null,
      title: null,
      method: 'jsonLd',
      extractorVersion: 1,
    };
    const failure = { ...seen, observationId: 'o2', outcome: 'blocked', detail: 'No.', status: 403 };
    for (let n = 0; n < 2; n += 1) {
      expect(outcome(await house.send('RecordPriceObservation', price))).toEqual({});
      expect(outcome(await house.send('RecordCheckFailure', failure))).toEqual({});
    }
    expect((await house.events()).map(({ type }) => type)).toEqual([
      'ProductTracked',
      'PriceObserved',
      'CheckFailed',
    ]);
  });
});
