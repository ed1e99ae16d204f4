import { largestLong } from '@daybook/schemas/exact-long.ts';

/**
 * Digits of the minor unit where they are not two: ISO 4217 list one, amendment 179
 * (https://www.six-group.com/en/products-services/financial-information/data-standards.html). `Intl` is no source for
 * this: it follows CLDR, which counts what people use (no qirsh, no para) and not what the standard says.
 */
const exceptions: Readonly<Record<number, string>> = {
  0: 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF',
  3: 'BHD IQD JOD KWD LYD OMR TND',
  4: 'CLF UYW',
};

const digitsOf = new Map(
  Object.entries(exceptions).flatMap(([digits, codes]) =>
    codes.split(' ').map((code): [string, number] => [code, Number(digits)]),
  ),
);

const known = new Set(Intl.supportedValuesOf('currency'));

/** Spellings that pages use for codes. */
const aliases: Readonly<Record<string, string>> = { RMB: 'CNY', NIS: 'ILS', EURO: 'EUR', EUROS: 'EUR' };

/** The ISO 4217 code a text stands for, in whatever case; null where it is none. */
export function currencyCode(text: string): string | null {
  const code = text.trim().toUpperCase();
  const real = aliases[code] ?? code;
  return real.length === 3 && known.has(real) ? real : null;
}

/** Decimal digits of a currency's minor unit: 2 for EUR, 0 for JPY, 3 for KWD. */
export function minorDigits(currency: string): number {
  return digitsOf.get(currency) ?? 2;
}

/**
 * A plain decimal (`1234.5`) in minor units, half a unit rounded away from zero; null beyond what a message can carry.
 */
export function toMinorUnits(decimal: string, currency: string): number | null {
  const match = /^(\d*)(?:\.(\d*))?$/.exec(decimal);
  if (match === null || decimal === '' || decimal === '.') return null;
  const [, whole = '', fraction = ''] = match;
  const digits = minorDigits(currency);
  const padded = fraction.padEnd(digits, '0');
  const up = (padded[digits] ?? '0') >= '5' ? 1 : 0;
  const minor = Number(`${whole}${padded.slice(0, digits)}`) + up;
  return minor <= largestLong ? minor : null;
}
