/**
 * The anchor: express as its first page shows it. POST reads the JSON that the commands get and answers as they do; GET
 * answers with a product as the query service shows it, out of memory.
 */
import type { AddressInfo } from 'node:net';
import express from 'express';
import { productIdOf } from './products.ts';
import { serving } from './served.ts';

const app = express();
const now = new Date().toISOString();
const product = {
  productId: productIdOf(1),
  name: 'https://shop.example/products/1',
  url: 'https://shop.example/products/1',
  source: 'page',
  status: 'active',
  tags: [],
  group: null,
  price: null,
  changePercent: 0,
  changedAt: null,
  availability: null,
  trackedAt: now,
  lastCheckedAt: null,
  lastOutcome: null,
  title: null,
  seller: null,
  schedule: { cron: '0 6 * * *', timeZone: 'Europe/Berlin' },
  nextCheckAt: now,
  lastProblem: null,
  low: null,
  high: null,
  average: null,
  trend: null,
  priceCount: 0,
  checkCount: 0,
  failureCount: 0,
};
app.post('/v1/market/products/:productId', express.json(), (request, response) => {
  response.json({ productId: request.params.productId });
});
app.get('/v1/market/products/:productId', (_, response) => {
  response.json(product);
});
const server = app.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  serving({ url: `http://127.0.0.1:${String(port)}` }, async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });
});
