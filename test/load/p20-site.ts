/** The site of P20 in a process of its own: product pages on several ports, which count as several hosts. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const ports = Number(process.argv[2]);

/** A page of ordinary size (some 20 KB): head with metadata, navigation, text, related products. */
function page(path: string): string {
  const id = path.slice(path.lastIndexOf('/') + 1);
  const cents = 1_000 + (Number(id) % 9_000);
  const data = {
    '@context': 'https://schema.org',
    '@type': 'Product',
    name: `Product ${id}`,
    offers: {
      '@type': 'Offer',
      price: (cents / 100).toFixed(2),
      priceCurrency: 'EUR',
      availability: 'https://schema.org/InStock',
      seller: { '@type': 'Organization', name: 'Bench' },
    },
  };
  const cards = Array.from(
    { length: 40 },
    (_, n) =>
      `<li class="card"><a href="/p/${String(n)}"><img src="/i/${String(n)}.jpg" alt=""><span class="name">Related product number ${String(n)}</span><span class="amount">${String(n)},99 €</span></a><p>Some words about it that people may read before they decide to look closer, or not.</p></li>`,
  );
  return `<!doctype html><html lang="de-DE"><head><meta charset="utf-8"><title>Product ${id}</title><style>${'.a{color:#123456;margin:0 auto}'.repeat(60)}</style><script type="application/ld+json">${JSON.stringify(data)}</script></head><body><nav>${'<a href="/c">Category</a>'.repeat(60)}</nav><h1>Product ${id}</h1><p class="amount">${(cents / 100).toFixed(2)}</p><ul>${cards.join('')}</ul></body></html>`;
}

const servers = Array.from({ length: ports }, () =>
  createServer((request, response) => {
    const path = request.url ?? '/';
    if (path === '/robots.txt') response.writeHead(404).end();
    else response.setHeader('content-type', 'text/html; charset=utf-8').end(page(path));
  }),
);
await Promise.all(
  servers.map((server) => new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))),
);
const hosts = servers.map((server) => `127.0.0.1:${String((server.address() as AddressInfo).port)}`);
process.stdout.write(`${JSON.stringify(hosts)}\n`);
// Ends with the bench, however that ends.
process.stdin.on('end', () => process.exit(0)).resume();
