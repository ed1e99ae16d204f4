import { expect, test } from '@jest/globals';
import { fold } from '@daybook/kernel/decider.ts';
import { deciderSpecs } from '@daybook/test/support/specifications.ts';
import { product, type ProductEvent } from './product.ts';
import { productSpecs } from './product.specs.ts';

deciderSpecs(product, productSpecs);

test('a long history is remembered to a bound', () => {
  const [{ then: tracked } = { then: [] }] = productSpecs;
  const requests = Array.from({ length: 1_000 }, (_, n): ProductEvent => {
    return { type: 'CheckRequested', data: { productId: 'p', requestId: `request-${String(n)}` } };
  });
  const state = fold(product, [...(tracked as readonly ProductEvent[]), ...requests]);
  expect(state).toMatchObject({ status: 'active' });
  expect(JSON.stringify(state).length).toBeLessThan(10_000);
});
