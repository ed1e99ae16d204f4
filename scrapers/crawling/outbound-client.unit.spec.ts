import { expect, test } from '@jest/globals';
import type { OutboundHttp, OutboundRequest } from '@daybook/kernel/ports/outside.ts';
import { outboundClient } from './outbound-client.ts';

test.each([
  ['keeps its cookies within the origin', 'https://shop.example/home', { Cookie: 'visit=1', Accept: '*/*' }],
  ['leaves them behind for another origin', 'https://elsewhere.example/', { Accept: '*/*' }],
  ['leaves them behind without encryption', 'http://shop.example/', { Accept: '*/*' }],
])('a session that is redirected %s', async (_, location, headers) => {
  const requests: OutboundRequest[] = [];
  const outbound: OutboundHttp = {
    fetch: (request) => {
      requests.push(request);
      const first = requests.length === 1;
      return Promise.resolve({
        url: request.url,
        status: first ? 302 : 200,
        headers: first ? { location } : {},
        body: Buffer.alloc(0),
      });
    },
  };
  const limits = { timeoutMs: 1_000, maxBytes: 1_000 };
  const client = outboundClient({ outbound, ...limits, stepwise: true, answers: new WeakMap() });
  await client.stream(
    { url: 'https://shop.example/', method: 'GET', headers: { Cookie: 'visit=1', Accept: '*/*' } },
    () => undefined,
  );
  expect(requests.map(({ url }) => url)).toEqual(['https://shop.example/', location]);
  expect(requests[1]?.headers).toEqual(headers);
});
