import { readPrice } from '../money/price-text.ts';
import { nothingRead, type Page, type Reading } from './extraction.ts';

/**
 * Class names under which the themes of the common shop systems show what is to be paid: WooCommerce, Magento, PrestaShop,
 * Shopware, BigCommerce, Squarespace, and the plain words of many others. Only names that say "the product's price" stand
 * here: a page full of other products has many a `.price`.
 */
const selectors = [
  '[data-product-price]',
  '.summary .price ins .amount',
  '.summary .price > .amount',
  '.product-info-price [data-price-type="finalPrice"] .price',
  '.product-info-price .special-price .price',
  '.product-info-price .price',
  '.current-price [content]',
  '.current-price',
  '.product-detail-price',
  '.productView-price .price--withTax',
  '.productView-price .price--withoutTax',
  '.product-price .price',
  '.product-price',
  '.product__price .price-item--sale',
  '.product__price .price-item--regular',
  '.product__price',
  '#product-price',
  '#price',
];

/** Reads the price that people see on a page without product data; its currency has to stand beside it. */
export function readVisiblePrice({ $, locale }: Page): Reading {
  for (const selector of selectors) {
    const boxes = $(selector)
      .get()
      .filter(
        (element) =>
          $(element).closest('del, s, strike, [aria-hidden="true"], aside, nav, footer').length === 0,
      );
    const [first] = boxes;
    // Many of a kind are a list of products, not the product.
    if (first === undefined || boxes.length > 3) continue;
    const box = $(first).clone();
    box.find('del, s, strike, script, style, template').remove();
    const price = readPrice(box.attr('content') ?? box.text(), {
      locale,
      currency: beside(box.attr('content')),
    });
    if (price !== null) return { ...nothingRead, product: true, price };
  }
  return nothingRead;

  function beside(content: string | undefined): string | null {
    return content === undefined ? null : ($('[itemprop="priceCurrency"]').first().attr('content') ?? null);
  }
}
