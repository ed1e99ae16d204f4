import type { Source } from '@daybook/schemas/types/types.generated.ts';

/** A product page: one canonical URL, however its links are decorated. */
export type ProductUrl = Readonly<{
  url: string;
  /** Lower case, with the port where it is not the default. */
  host: string;
  source: Source;
}>;

/** Characters of a canonical URL, and of a host (RFC 1035 2.3.4). */
const longestUrl = 2_000;
const longestHost = 253;

/** Query parameters that say where a visitor came from, and nothing about the page. */
const trackingParameter =
  /^(?:utm_.*|gclid|gclsrc|gbraid|wbraid|dclid|fbclid|msclkid|yclid|ttclid|twclid|igshid|srsltid|mc_[ce]id|_ga|_gl|ref_?|_trk\w*|_from|mkevt|mkcid|mkrid|campid|toolid|customid)$/i;

const amazonHost = /^(?:[a-z]+\.)?amazon\.(?:[a-z]{2,3}|com?\.[a-z]{2})$/;
const ebayHost = /^(?:[a-z]+\.)?ebay\.(?:[a-z]{2,3}|com?\.[a-z]{2})$/;
const shopifyHost = /\.myshopify\.com$/;

/** Ten letters and digits that number a product at Amazon, in each of its path forms. */
const asinPath = /\/(?:dp|gp\/product|gp\/aw\/d|exec\/obidos\/asin|o\/asin)\/([a-z0-9]{10})(?=\/|$)/i;
const ebayItemPath = /^\/itm\/(?:[^/]+\/)?(\d{9,15})(?=\/|$)/;
const shopifyProductPath = /^(?:\/[a-z]{2}(?:-[a-z]{2})?)?(?:\/collections\/[^/]+)?\/products\/([^/]+)/i;

/**
 * The canonical form of a page's URL and the kind of shop it belongs to, or the problem with it in one sentence.
 * @param source overrides what the host says
 */
export function productUrl(text: string, source?: Source): ProductUrl | Readonly<{ problem: string }> {
  const problem = urlProblem(text);
  if (problem !== null) return { problem };
  const url = new URL(text);
  url.hash = '';
  url.hostname = url.hostname.replace(/\.$/, '');
  const kind = source ?? sourceOf(url.hostname);
  const path = productPath(kind, url.pathname);
  if (kind === 'amazon' && path === null) return { problem: 'names no Amazon product (ASIN)' };
  url.search = keptParameters(url.searchParams, path === null ? 'page' : kind);
  url.pathname = path ?? url.pathname;
  // Encoded, a URL may be nine times as long as it was written, and a host longer than any name server takes.
  if (url.href.length > longestUrl || url.hostname.length > longestHost) return { problem: 'is too long' };
  return { url: url.href, host: url.host, source: kind };
}

function urlProblem(text: string): string | null {
  if (!URL.canParse(text)) return 'is not a URL';
  const { protocol, username, password } = new URL(text);
  if (protocol !== 'http:' && protocol !== 'https:') return 'is not an http or https URL';
  return username === '' && password === '' ? null : 'holds a user name or password';
}

/** The kind of shop that a host name tells. */
export function sourceOf(hostname: string): Source {
  if (amazonHost.test(hostname)) return 'amazon';
  if (ebayHost.test(hostname)) return 'ebay';
  return shopifyHost.test(hostname) ? 'shopify' : 'page';
}

function productPath(source: Source, path: string): string | null {
  switch (source) {
    case 'amazon': {
      const asin = asinPath.exec(path)?.[1];
      return asin === undefined ? null : `/dp/${asin.toUpperCase()}`;
    }
    case 'ebay': {
      const item = ebayItemPath.exec(path)?.[1];
      return item === undefined ? null : `/itm/${item}`;
    }
    case 'shopify': {
      const product = shopifyProductPath.exec(path)?.[1];
      return product === undefined ? null : `/products/${product}`;
    }
    case 'page':
      return null;
  }
}

/** Which parameters tell pages apart: where the path says it all, only those that choose a variant. */
const telling: Readonly<Record<Source, RegExp>> = {
  amazon: /^$/,
  ebay: /^var$/,
  shopify: /^variant$/,
  page: /(?:)/,
};

function keptParameters(parameters: URLSearchParams, source: Source): string {
  const kept = [...parameters].filter(
    ([name]) => telling[source].test(name) && !trackingParameter.test(name),
  );
  return new URLSearchParams(kept).toString();
}
