import { join } from 'node:path';
import type { Bar } from './bar.ts';
import { ask } from './http/ask.ts';
import { productIdOf } from './http/products.ts';
import { serveApart } from './http/served.ts';

/**
 * Enough that a product gets few events in a run: what loading a long stream costs is another bar's. Their states fit the
 * cache as it is by default, so that from its second command on a product's stream is not read.
 */
const products = 40_000;

export const bar: Bar = {
  name: 'p16',
  title:
    'An authenticated command over HTTP, 128 connections: token, limits, input, a decision, one event stored.',
  prepare: async (bench) => {
    const database = await bench.database();
    const bare = await serveApart('bare');
    const commands = await serveApart(
      'commands',
      `${database.url} ${join(bench.folder, 'data')} ${String(products)}`,
    );
    let count = bench.seed % products;
    const json = { 'content-type': 'application/json' };
    const authorised = { ...json, authorization: `Bearer ${commands.token ?? ''}` };
    const next = (): { id: string; body: string } => {
      count += 1;
      return {
        id: productIdOf(count % products),
        body: JSON.stringify({ name: `Kettle ${String(count)}`, tags: ['kitchen'] }),
      };
    };
    return {
      contests: [
        {
          subject: {
            name: 'ChangeProduct',
            unit: 'requests/s',
            run: () =>
              ask(commands.url, {
                method: 'PATCH',
                headers: authorised,
                setupRequest: (request) => {
                  const { id, body } = next();
                  return { ...request, path: `/v1/market/products/${id}`, body };
                },
              }),
          },
          anchor: {
            name: 'bare express: POST, express.json, response.json',
            unit: 'requests/s',
            run: () =>
              ask(bare.url, {
                method: 'POST',
                headers: json,
                setupRequest: (request) => {
                  const { id, body } = next();
                  return { ...request, path: `/v1/market/products/${id}`, body };
                },
              }),
          },
          gate: 0.3,
          goal: 0.5,
        },
      ],
      close: async () => {
        await commands.stop();
        await bare.stop();
      },
    };
  },
};
