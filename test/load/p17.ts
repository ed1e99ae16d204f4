import type { Bar } from './bar.ts';
import { ask } from './http/ask.ts';
import { productIdOf } from './http/products.ts';
import { serveApart } from './http/served.ts';

const products = 5_000;

export const bar: Bar = {
  name: 'p17',
  title:
    'An authenticated query over HTTP, 128 connections: token, limits, position, one row under row-level security.',
  prepare: async (bench) => {
    const database = await bench.database();
    const bare = await serveApart('bare');
    const queries = await serveApart('queries', `${database.url} ${bench.folder} ${String(products)}`);
    let count = bench.seed % products;
    const next = (): string => {
      count += 1;
      return `/v1/market/products/${productIdOf(count % products)}`;
    };
    const authorised = { authorization: `Bearer ${queries.token ?? ''}` };
    return {
      contests: [
        {
          subject: {
            name: 'getProduct',
            unit: 'requests/s',
            run: () =>
              ask(queries.url, {
                method: 'GET',
                headers: authorised,
                setupRequest: (request) => ({ ...request, path: next() }),
              }),
          },
          anchor: {
            name: 'bare express: GET, response.json',
            unit: 'requests/s',
            run: () =>
              ask(bare.url, {
                method: 'GET',
                setupRequest: (request) => ({ ...request, path: next() }),
              }),
          },
          gate: 0.4,
          goal: 0.6,
        },
      ],
      close: async () => {
        await queries.stop();
        await bare.stop();
      },
    };
  },
};
