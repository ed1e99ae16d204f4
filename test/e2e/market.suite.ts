import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { liveEvents } from '@daybook/cli/demo/client.ts';
import { must, type Person } from '../support/caller.ts';
import { eventually } from '../support/eventually.ts';
import {
  checked,
  pageOf,
  positionOf,
  productOf,
  stepMs,
  track,
  type Page,
  type Product,
  type Stage,
} from './stage.ts';

/** MKT-1 to MKT-5, ENG-15, ENG-17: every route of market, and the promises of commands and queries on them. */
export function marketSuite(stage: () => Stage): void {
  describe('market', () => {
    let person: Person;
    beforeAll(async () => {
      person = await stage().join();
    });
    const lamp = () => pageOf(stage().shop, 'aurora-desk-lamp');
    const list = async (query = '') =>
      must(await person.call('GET', `/v1/market/products${query}`), 200) as Page<Product>;

    test('a tracked product gets its price, and a live event says so', async () => {
      const watching = new AbortController();
      const seen: string[] = [];
      const response = await fetch(`${stage().system.addresses.queries}/v1/live`, {
        headers: { authorization: `Bearer ${person.token}`, accept: 'text/event-stream' },
        signal: watching.signal,
      });
      expect(response.status).toBe(200);
      const following = (async () => {
        for await (const { data } of liveEvents(response.body as ReadableStream<Uint8Array>))
          seen.push((data as { type: string }).type);
      })().catch(() => undefined);
      const productId = await track(person, lamp(), { name: 'Lamp', tags: ['light'], group: 'lamps' });
      const product = await checked(person, productId, 'price');
      const { amountMinor } = stage().shop.listing('aurora-desk-lamp');
      expect(product).toMatchObject({
        name: 'Lamp',
        url: lamp(),
        source: 'page',
        status: 'active',
        price: { amountMinor, currency: 'EUR' },
        availability: 'inStock',
        lastProblem: null,
        lastCheckedAt: expect.any(String),
        nextCheckAt: expect.any(String),
      });
      await eventually(() =>
        expect(seen).toEqual(expect.arrayContaining(['ProductTracked', 'PriceObserved'])),
      );
      watching.abort();
      await following;
    });

    test('the same page tracked twice names the first', async () => {
      const again = await person.call('POST', '/v1/market/products', { body: { url: lamp() } });
      expect([again.status, again.code]).toEqual([409, 'already-tracked']);
      const { items } = await list('?tag=light');
      expect((again.body as { about: object }).about).toEqual({ productId: items[0]?.productId });
    });

    test('a price that moved is a second row of the history, and shows in overview and statistics', async () => {
      const productId = await track(person, pageOf(stage().shop, 'harbour-mug'));
      const first = await checked(person, productId, 'price');
      await eventually(async () => {
        stage().letPass(stepMs);
        expect(stage().shop.listing('harbour-mug').amountMinor).not.toBe(first.price?.amountMinor);
      });
      const now = stage().shop.listing('harbour-mug').amountMinor;
      must(await person.call('POST', `/v1/market/products/${productId}/check`), 202);
      await eventually(
        async () => expect((await productOf(person, productId)).price?.amountMinor).toBe(now),
        { withinMs: 20_000 },
      );
      // History and overview are read models of their own: each may come a moment after the product.
      await eventually(async () => {
        const prices = must(
          await person.call('GET', `/v1/market/products/${productId}/prices`),
          200,
        ) as Page<{
          amountMinor: number;
        }>;
        expect(prices.items.map(({ amountMinor }) => amountMinor).toSorted()).toEqual(
          [first.price?.amountMinor ?? 0, now].toSorted(),
        );
      });
      const csv = await person.call('GET', `/v1/market/products/${productId}/prices`, {
        headers: { accept: 'text/csv' },
      });
      expect(csv.headers.get('content-type')).toContain('text/csv');
      expect(String(csv.body).trim().split(/\r?\n/)).toHaveLength(3);
      await eventually(async () => {
        const overview = must(await person.call('GET', '/v1/market/overview'), 200);
        expect(JSON.stringify(overview)).toContain(productId);
        expect(await productOf(person, productId)).toMatchObject({
          low: expect.anything(),
          high: expect.anything(),
          average: expect.anything(),
        });
      });
    });

    test('products are renamed, tagged, grouped, scheduled, paused, resumed and stopped', async () => {
      const productId = await track(person, pageOf(stage().shop, 'kyoto-teapot'));
      const path = `/v1/market/products/${productId}`;
      const read = async (answer: { headers: Headers }) =>
        must(
          await person.call('GET', path, {
            headers: { 'daybook-min-position': answer.headers.get('daybook-position') ?? '' },
          }),
          200,
        ) as Product;
      const changes = {
        name: 'Teapot',
        tags: ['tea'],
        group: 'pots',
        schedule: { cron: '0 7 * * 1', timeZone: 'Asia/Tokyo' },
      };
      const changed = await person.call('PATCH', path, { body: changes });
      must(changed, 200);
      expect(await read(changed)).toMatchObject({ name: 'Teapot', status: 'active' });
      const paused = await person.call('POST', `${path}/pause`);
      must(paused, 200);
      expect(await read(paused)).toMatchObject({ status: 'paused' });
      const resumed = await person.call('POST', `${path}/resume`);
      must(resumed, 200);
      expect(await read(resumed)).toMatchObject({ status: 'active' });
      await checked(person, productId, 'price');
      const stopped = await person.call('DELETE', path);
      must(stopped, 204);
      expect(await read(stopped)).toMatchObject({ status: 'stopped', price: { currency: 'JPY' } });
      expect((await person.call('POST', `${path}/check`)).status).toBe(409);
    });

    test('one product over several shops is compared by its group', async () => {
      const group = `lamps-${randomUUID().slice(0, 8)}`;
      const other = await stage().join();
      const ids = await Promise.all(
        ['aurora-desk-lamp', 'aurora-desk-lamp-uk'].map((slug) =>
          track(other, pageOf(stage().shop, slug), { group }),
        ),
      );
      for (const id of ids) await checked(other, id, 'price');
      const compared = must(await other.call('GET', `/v1/market/compare?group=${group}`), 200);
      for (const id of ids) expect(JSON.stringify(compared)).toContain(id);
    });

    test('lists are filtered, sorted and read page by page', async () => {
      const other = await stage().join();
      const slugs = ['aurora-desk-lamp', 'harbour-mug', 'kyoto-teapot', 'lisbon-chair', 'jaipur-rug'];
      let last = '';
      for (const slug of slugs) {
        const answer = await other.call('POST', '/v1/market/products', {
          body: {
            url: pageOf(stage().shop, slug),
            name: slug,
            tags: [slug.length % 2 === 0 ? 'even' : 'odd'],
          },
        });
        must(answer, 201);
        last = positionOf(answer);
      }
      const headers = { 'daybook-min-position': last };
      const all = must(await other.call('GET', '/v1/market/products', { headers }), 200) as Page<Product>;
      expect(all.items).toHaveLength(slugs.length);
      const names: (string | null)[] = [];
      let cursor: string | null = '';
      while (cursor !== null) {
        const query: string = `?sort=name&limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`;
        const page = must(await other.call('GET', `/v1/market/products${query}`), 200) as Page<Product>;
        names.push(...page.items.map(({ name }) => name));
        cursor = page.next;
      }
      expect(names).toEqual(slugs.toSorted());
      const odd = must(await other.call('GET', '/v1/market/products?tag=odd'), 200) as Page<Product>;
      expect(odd.items.map(({ name }) => name).toSorted()).toEqual(
        slugs.filter((slug) => slug.length % 2 === 1).toSorted(),
      );
      for (const query of ['?sort=colour', '?cursor=made-up', '?limit=0', '?nothing=1']) {
        expect((await other.call('GET', `/v1/market/products${query}`)).status).toBe(400);
      }
    });

    test('a query that is told a position waits for it, and says so when it is not reached', async () => {
      for (let round = 0; round < 5; round += 1) {
        const answer = await person.call('POST', '/v1/market/products', {
          body: {
            url: `${pageOf(stage().shop, 'linen-apron')}?round=${randomUUID()}`,
            name: `Round ${String(round)}`,
          },
        });
        const { productId } = must(answer, 201) as { productId: string };
        const read = await person.call('GET', `/v1/market/products/${productId}`, {
          headers: { 'daybook-min-position': positionOf(answer) },
        });
        expect(must(read, 200)).toMatchObject({ name: `Round ${String(round)}` });
        expect(positionOf(read) >= positionOf(answer)).toBe(true);
      }
      const future = await person.call('GET', '/v1/market/products', {
        headers: { 'daybook-min-position': '99999999999999999999' },
      });
      expect([future.status, future.code]).toEqual([503, 'position-timeout']);
      expect(future.headers.get('retry-after')).not.toBeNull();
    }, 60_000);

    test('a repeated request with its key gets the first answer, another one a conflict', async () => {
      const headers = { 'idempotency-key': randomUUID() };
      const body = { url: `${pageOf(stage().shop, 'linen-apron')}?key=1` };
      const send = (what: object) => person.call('POST', '/v1/market/products', { body: what, headers });
      const answers = await Promise.all([send(body), send(body), send(body)]);
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
      expect(new Set(answers.map((answer) => JSON.stringify(answer.body))).size).toBe(1);
      expect(new Set(answers.map(positionOf)).size).toBe(1);
      const other = await send({ url: `${body.url}2` });
      expect([other.status, other.code]).toEqual([409, 'idempotency-key-reused']);
    });

    test('a change on top of a revision that is not current is refused', async () => {
      const productId = await track(person, `${pageOf(stage().shop, 'linen-apron')}?revision=1`);
      const path = `/v1/market/products/${productId}`;
      const stale = await person.call('PATCH', path, {
        body: { name: 'x' },
        headers: { 'if-match': '"4711"' },
      });
      expect([stale.status, stale.code]).toEqual([412, 'precondition-failed']);
      const first = must(await person.call('PATCH', path, { body: { name: 'First' } }), 200);
      expect(first).toEqual({ productId });
    });

    test('kinds of shops are off until an admin turns them on', async () => {
      const body = { url: 'https://www.amazon.example/dp/B000000000', source: 'amazon' };
      const refused = await person.call('POST', '/v1/market/products', { body });
      expect([refused.status, refused.code]).toEqual([409, 'source-off']);
      const on = await person.call('PUT', '/v1/market/sources/amazon', { body: { enabled: true } });
      expect(must(on, 200)).toEqual({ source: 'amazon', enabled: true });
      const seen = await person.call('GET', '/v1/market/sources', {
        headers: { 'daybook-min-position': positionOf(on) },
      });
      expect((must(seen, 200) as Page<object>).items).toContainEqual(
        expect.objectContaining({ source: 'amazon', enabled: true }),
      );
    });

    test('the timeline of a tenant is filtered by type and stream', async () => {
      const productId = await track(person, `${pageOf(stage().shop, 'linen-apron')}?timeline=1`);
      await eventually(async () => {
        const stream = `product-${productId}`;
        const found = must(
          await person.call('GET', `/v1/events?stream=${stream}&type=ProductTracked`),
          200,
        ) as Page<{
          type: string;
          stream: string;
        }>;
        expect(found.items).toEqual([expect.objectContaining({ type: 'ProductTracked', stream })]);
      });
    });

    test('a live stream resumes after the last event that was seen', async () => {
      const other = await stage().join();
      const url = `${stage().system.addresses.queries}/v1/live`;
      /** Resolves once the stream is open, with what reads so many events of it. */
      const follow = async (headers: Record<string, string> = {}) => {
        const watching = new AbortController();
        const response = await fetch(url, {
          headers: { authorization: `Bearer ${other.token}`, ...headers },
          signal: watching.signal,
        });
        return async (count: number) => {
          const events = [];
          for await (const event of liveEvents(response.body as ReadableStream<Uint8Array>)) {
            events.push(event);
            if (events.length === count) break;
          }
          watching.abort();
          return events;
        };
      };
      const read = await follow();
      await track(other, `${pageOf(stage().shop, 'linen-apron')}?live=1`);
      const [first, second] = await read(2);
      const readOn = await follow({ 'last-event-id': first?.id ?? '' });
      const resumed = await readOn(1);
      expect(resumed[0]).toEqual(second);
    });
  });
}
