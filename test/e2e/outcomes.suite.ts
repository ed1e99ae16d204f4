import { describe, expect, test } from '@jest/globals';
import { catalogue } from '@daybook/cli/demo/shop/catalogue.ts';
import { expectation } from '@daybook/cli/demo/shop/expectations.ts';
import { must } from '../support/caller.ts';
import { eventually } from '../support/eventually.ts';
import { checked, pageOf, track, type Page, type Stage } from './stage.ts';

/** Every product of the demo shop ends as a faithful observer would have it. */
export function outcomesSuite(stage: () => Stage): void {
  describe('outcomes of checks', () => {
    test('every page of the shop reaches the outcome it should', async () => {
      const person = await stage().join();
      const tracked = await Promise.all(
        catalogue.map(async (product) => {
          const more = product.markup === 'shopify' ? { source: 'shopify' } : {};
          return { product, productId: await track(person, pageOf(stage().shop, product.slug), more) };
        }),
      );
      for (const { product, productId } of tracked) {
        const expected = expectation(product, false);
        const seen = await checked(person, productId, expected.outcome, 60_000);
        if (!('method' in expected)) {
          expect(seen).toMatchObject({ price: null, lastProblem: expect.any(String) });
          continue;
        }
        const { amountMinor } = stage().shop.listing(product.slug);
        expect(seen).toMatchObject({ price: { amountMinor, currency: product.currency } });
        // The history is a read model of its own: it may come a moment after the product.
        await eventually(async () => {
          const prices = must(await person.call('GET', `/v1/market/products/${productId}/prices`), 200);
          expect((prices as Page<unknown>).items).toEqual([
            expect.objectContaining({
              amountMinor,
              currency: product.currency,
              method: expected.method,
              snapshotHash: expect.stringMatching(/^[0-9a-f]{64}$/),
            }),
          ]);
        });
      }
    }, 120_000);

    test('a page that goes away keeps its last price and says that it is gone', async () => {
      const person = await stage().join();
      const productId = await track(person, pageOf(stage().shop, 'summer-lantern'));
      await checked(person, productId, 'price');
      stage().letPass(2_000_000);
      must(await person.call('POST', `/v1/market/products/${productId}/check`), 202);
      expect(await checked(person, productId, 'missing')).toMatchObject({ price: { currency: 'EUR' } });
    }, 60_000);
  });
}
