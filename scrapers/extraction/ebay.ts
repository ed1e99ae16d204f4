import { readPrice } from '../money/price-text.ts';
import { availabilityOf } from './availability.ts';
import { oneLine, type Page, type Reading } from './extraction.ts';

/** Where a listing's price stands, the newest layout first; the converted price beside it is an estimate and left out. */
const prices = [
  '.x-price-primary [itemprop="price"]',
  '.x-price-primary .ux-textspans',
  '.x-price-primary',
  '#prcIsum',
  '#mm-saleDscPrc',
  '#prcIsum_bidPrice',
  '.display-price',
];
const ended = '.d-statusmessage, .x-status-message, #vi-status, .statusLeftContent';

/** Reads a listing of eBay. One that has ended is out of stock, whatever price still stands there. */
export function readEbay({ $, locale }: Page): Reading {
  const price =
    prices
      .map((selector) => $(selector).first())
      .map((box) => readPrice(box.attr('content') ?? box.text(), { locale, currency: currencyBeside() }))
      .find((found) => found !== null) ?? null;
  const over = /ended|beendet|terminé|finalizad|conclus/i.test($(ended).first().text());
  const stock = availabilityOf(
    $('.x-quantity__availability, .d-quantity__availability, #qtySubTxt').first().text(),
  );
  return {
    product: price !== null || $('.x-item-title, #itemTitle, .vim').length > 0,
    price: over ? null : price,
    availability: over ? 'discontinued' : stock,
    seller: oneLine(
      $(
        '.x-sellercard-atf__info__about-seller a, .x-sellercard-atf__info__about-seller, #RightSummaryPanel .mbg-nw',
      )
        .first()
        .text(),
    ),
    title: oneLine(
      $('.x-item-title__mainTitle, #itemTitle')
        .first()
        .text()
        .replace(/^Details about\s+/, ''),
    ),
  };

  function currencyBeside(): string | null {
    return $('[itemprop="priceCurrency"]').first().attr('content') ?? null;
  }
}
