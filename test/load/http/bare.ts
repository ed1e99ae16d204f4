/** The anchor: express as its first page shows it. POST reads JSON and answers JSON, GET answers JSON. */
import type { AddressInfo } from 'node:net';
import { randomUUID } from 'node:crypto';
import express from 'express';
import { serving } from './served.ts';

const app = express();
const product = {
  productId: randomUUID(),
  name: 'A kettle',
  status: 'active',
  price: { amountMinor: 1999, currency: 'EUR' },
};
app.post('/v1/market/products/:productId', express.json(), (request, response) => {
  const { name } = request.body as { name: string };
  response.json({ productId: request.params.productId, length: name.length });
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
