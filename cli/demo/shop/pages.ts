/** The shop's pages as text. */
import { escapeHtml, markUp } from './markup.ts';
import { localAmount } from './money.ts';
import { noise } from './prices.ts';
import type { Listing, ShopProduct } from './product.ts';

const style = `
:root { --ink: #23302b; --paper: #f7f4ee; --line: #ddd6c8; --accent: #b4532a; }
* { box-sizing: border-box }
body { margin: 0; font: 16px/1.5 Georgia, 'Times New Roman', serif; color: var(--ink); background: var(--paper) }
header, main, footer { max-width: 68rem; margin: 0 auto; padding: 1.5rem }
header { display: flex; align-items: baseline; gap: 1rem; border-bottom: 1px solid var(--line) }
header a { color: inherit; text-decoration: none; font-size: 1.6rem; letter-spacing: .04em }
header span, .hint, footer { color: #6d756f; font-size: .9rem }
.shelf { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: 1.25rem; padding: 0; list-style: none }
.card { display: block; background: #fff; border: 1px solid var(--line); border-radius: 6px; overflow: hidden; color: inherit; text-decoration: none }
.card:hover { border-color: var(--accent) }
.card div { padding: .8rem 1rem 1rem }
.card b { display: block; font-weight: 600 }
.card i { color: var(--accent); font-style: normal; font-variant-numeric: tabular-nums }
.item { display: grid; grid-template-columns: minmax(16rem, 1fr) 1fr; gap: 2.5rem }
.item svg { width: 100%; border-radius: 6px }
.amount { font-size: 2rem; color: var(--accent); margin: .5rem 0; font-variant-numeric: tabular-nums }
.sellers { padding-left: 1.1rem; color: var(--accent) }
button { font: inherit; padding: .6rem 1.4rem; border: 0; border-radius: 4px; background: var(--ink); color: #fff }
`;

const stock: Readonly<Record<ShopProduct['availability'], string>> = {
  InStock: 'In stock',
  OutOfStock: 'Sold out',
  PreOrder: 'Pre-order',
  BackOrder: 'Back in two weeks',
  LimitedAvailability: 'Only a few left',
};

function frame(options: { title: string; lang: string; head?: string; body: string }): string {
  return `<!doctype html>
<html lang="${options.lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(options.title)}</title>
<link rel="icon" href="data:,">
<style>${style}</style>
${options.head ?? ''}
</head>
<body>
<header><a href="/">Kontor</a><span>a demo shop: its prices move while you look</span></header>
<main>${options.body}</main>
<footer>Everything here is made up, except the markup.</footer>
</body>
</html>
`;
}

/** A still life of a product, the same for the same slug. */
function picture(slug: string): string {
  const hue = Math.floor(noise(slug, 'hue') * 360);
  const size = 46 + Math.floor(noise(slug, 'size') * 30);
  const x = 110 + Math.floor(noise(slug, 'x') * 100);
  const round = Math.floor(noise(slug, 'round') * size);
  return `<svg viewBox="0 0 320 220" role="img" aria-hidden="true"><rect width="320" height="220" fill="hsl(${String(hue)} 34% 88%)"/>
<rect y="160" width="320" height="60" fill="hsl(${String(hue)} 26% 78%)"/>
<ellipse cx="${String(x)}" cy="172" rx="${String(size)}" ry="9" fill="hsl(${String(hue)} 20% 62%)"/>
<rect x="${String(x - size / 2)}" y="${String(170 - size * 1.7)}" width="${String(size)}" height="${String(size * 1.7)}" rx="${String(round / 2)}" fill="hsl(${String((hue + 160) % 360)} 38% 46%)"/></svg>`;
}

/** The front page: every product with what it costs at this moment. */
export function shelfPage(listings: readonly Listing[]): string {
  const cards = listings.map(({ product, amountMinor }) => {
    const price =
      product.markup === 'onRequest'
        ? 'on request'
        : escapeHtml(localAmount(amountMinor, product.currency, product.locale));
    return `<li><a class="card" href="${product.path}">${picture(product.slug)}<div><b>${escapeHtml(product.name)}</b>${escapeHtml(product.tagline)}<br><i>${price}</i></div></a></li>`;
  });
  return frame({ title: 'Kontor', lang: 'en', body: `<ul class="shelf">${cards.join('')}</ul>` });
}

/** A product's page, in its markup. */
export function productPage(listing: Listing): string {
  const { product } = listing;
  const { head, offer } = markUp(listing);
  return frame({
    title: `${product.name} · Kontor`,
    lang: product.locale,
    head,
    body: `<article class="item"><div>${picture(product.slug)}</div><div><h1>${escapeHtml(product.name)}</h1>
<p>${escapeHtml(product.tagline)}</p>${offer}<p class="hint">${stock[product.availability]}</p><button type="button">Put in basket</button></div></article>`,
  });
}

/** What stands before a product that wants to see people only. */
export function captchaPage(): string {
  return frame({
    title: 'Are you a person?',
    lang: 'en',
    head: '<script>window.captcha = true;</script>',
    body: `<h1>One moment</h1><p>Please prove that you are human before you go on.</p>
<form action="/captcha/verify" method="post"><div class="g-recaptcha" data-sitekey="demo"></div><button>I am not a robot</button></form>`,
  });
}

/** The page of what is not, or no longer, sold. */
export function missingPage(status: 404 | 410): string {
  return frame({
    title: status === 410 ? 'No longer sold' : 'Not found',
    lang: 'en',
    body: `<h1>${status === 410 ? 'No longer sold' : 'Not found'}</h1><p>Look around on <a href="/">the shelves</a>.</p>`,
  });
}
