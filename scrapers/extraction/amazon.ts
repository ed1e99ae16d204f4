import { readPrice, type Money } from '../money/price-text.ts';
import { availabilityOf } from './availability.ts';
import { oneLine, type Page, type Reading } from './extraction.ts';

/** Where the price to pay stands, the newest layout first. Struck-out prices carry `a-text-price` and are left out. */
const prices = [
  '#corePriceDisplay_desktop_feature_div .priceToPay',
  '#corePriceDisplay_mobile_feature_div .priceToPay',
  '#corePrice_feature_div .a-price:not(.a-text-price)',
  '#corePrice_desktop .a-price:not(.a-text-price)',
  '#apex_desktop .a-price:not(.a-text-price)',
  '#buybox .a-price:not(.a-text-price)',
  '#newBuyBoxPrice',
  '#price_inside_buybox',
  '#priceblock_dealprice',
  '#priceblock_saleprice',
  '#priceblock_ourprice',
  '#kindle-price',
  '.slot-price .a-color-price',
];

/** The ASIN in a product URL of Amazon, in upper case. */
export function asinOf(url: URL): string | null {
  const path = /\/(?:dp|gp\/product|gp\/aw\/d|exec\/obidos\/ASIN|o\/ASIN|d)\/([A-Z0-9]{10})(?=\/|$)/i.exec(
    url.pathname,
  );
  return path?.[1]?.toUpperCase() ?? null;
}

/** Reads a product page of Amazon. A page about another ASIN than its URL's is no reading of this product. */
export function readAmazon({ $, url, locale }: Page): Reading {
  const wanted = asinOf(url);
  const shown = $('input#ASIN, input[name="ASIN"], input[name="ASIN.0"]')
    .first()
    .attr('value')
    ?.toUpperCase();
  const other = wanted !== null && shown !== undefined && shown !== '' && shown !== wanted;
  const price = other ? null : firstPrice();
  const stock = availabilityOf($('#availability, #outOfStock').first().text());
  return {
    product: !other && ($('#productTitle, #dp-container, #ppd').length > 0 || price !== null),
    price: stock === 'outOfStock' && price === null ? null : price,
    availability: stock,
    seller: oneLine($('#sellerProfileTriggerId').first().text()) ?? merchant(textOf($('#merchant-info'))),
    title: oneLine($('#productTitle, #title').first().text()),
  };

  function firstPrice(): Money | null {
    for (const selector of prices) {
      for (const element of $(selector).get().slice(0, 3)) {
        const box = $(element);
        const offscreen = textOf(box.find('.a-offscreen'));
        // The visible price is three spans; the hidden one for screen readers is whole but sometimes empty.
        const whole = textOf(box.find('.a-price-whole'))
          .replace(/[^\p{Nd}.,'’\s]/gu, '')
          .replace(/[.,\s]+$/, '');
        const fraction = textOf(box.find('.a-price-fraction'));
        const parts = `${textOf(box.find('.a-price-symbol'))} ${whole}${fraction === '' ? '' : `${decimalFor(whole)}${fraction}`}`;
        const text = offscreen !== '' ? offscreen : whole !== '' ? parts : textOf(box);
        const found = readPrice(text, { locale });
        if (found !== null) return found;
      }
    }
    return null;
  }
}

/** Longer texts are no price and no name: patterns that go back and forth in them would take for ever. */
const longestText = 1_000;

function textOf(found: ReturnType<Page['$']>): string {
  return found.first().text().slice(0, longestText).trim();
}

/** A mark that cannot be taken for the grouping one in `whole`. */
function decimalFor(whole: string): string {
  return whole.includes('.') ? ',' : '.';
}

function merchant(text: string): string | null {
  return oneLine(
    /(?:sold by|verkauf durch|vendu par|vendido por|venduto da)\s+(.+?)(?:\.|,| and | und | et |$)/i.exec(
      text,
    )?.[1],
  );
}
