/** How prices move: a function of seed and step, so that the same seed tells the same story every time. */
import { decimalsOf } from './money.ts';
import type { ShopProduct } from './product.ts';

/** FNV-1a, 32 bit (http://www.isthe.com/chongo/tech/comp/fnv/), as a number from 0 up to but not including 1. */
export function noise(...parts: readonly (string | number)[]): number {
  let hash = 0x811c9dc5;
  for (const character of parts.join('|')) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  }
  // One round of mixing: FNV's low bits follow the last character too closely for neighbouring steps.
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b) >>> 0;
  hash = (hash ^ (hash >>> 16)) >>> 0;
  return hash / 2 ** 32;
}

/**
 * The price of a product at a step, in minor units. Each product moves at its own beat: a slow tide and a quick ripple,
 * rounded to what a shop would print.
 */
export function priceAt(product: ShopProduct, seed: number, step: number): number {
  if (product.swing === 0) return product.baseMinor;
  const offset = Math.floor(noise(seed, product.slug, 'offset') * product.everySteps);
  const beat = Math.floor((step + offset) / product.everySteps);
  const tide = noise(seed, product.slug, 'tide', Math.floor(beat / 4)) - 0.5;
  const ripple = noise(seed, product.slug, 'ripple', beat) - 0.5;
  const amount = product.baseMinor * (1 + product.swing * (0.9 * tide + 1.1 * ripple));
  const grain = 10 ** Math.max(1, decimalsOf(product.currency) - 1);
  return Math.max(grain, Math.round(amount / grain) * grain);
}
