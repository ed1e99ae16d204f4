/** Writing amounts the ways shops do. */

/** Digits after the mark of a currency, as ISO 4217 has them for those the shop sells in. Two where not named. */
const digits: Readonly<Record<string, number>> = { JPY: 0, KWD: 3 };

/** Number of decimals of a currency. */
export function decimalsOf(currency: string): number {
  return digits[currency] ?? 2;
}

/** `129900` of EUR is `1299.00`: what machines read. */
export function plainAmount(amountMinor: number, currency: string): string {
  const decimals = decimalsOf(currency);
  const text = String(amountMinor).padStart(decimals + 1, '0');
  return decimals === 0 ? text : `${text.slice(0, -decimals)}.${text.slice(-decimals)}`;
}

/** `129900` of EUR in `de-DE` is `1.299,00 €`: what people read. */
export function localAmount(amountMinor: number, currency: string, locale: string): string {
  return new Intl.NumberFormat(locale, { style: 'currency', currency }).format(
    amountMinor / 10 ** decimalsOf(currency),
  );
}

/** `129900` of EUR in `de-DE` is `1.299,00`: the number alone, with that place's marks. */
export function localNumber(amountMinor: number, currency: string, locale: string): string {
  const decimals = decimalsOf(currency);
  return new Intl.NumberFormat(locale, {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  }).format(amountMinor / 10 ** decimals);
}
