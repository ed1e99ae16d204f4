import { currencyCode, toMinorUnits } from './minor-units.ts';
import type { PageLocale } from './page-locale.ts';
import { currencyOfSign, signAtEnd, signAtStart } from './symbols.ts';
import { plainMarks, readNumber } from './written-number.ts';

export type Money = Readonly<{ amountMinor: number; currency: string }>;

export type PriceContext = Readonly<{
  locale: PageLocale;
  /** The currency the page states elsewhere: a code or a sign. It goes before a sign in the text. */
  currency?: string | null;
}>;

/** A number with its marks; a space belongs to it only before exactly three digits. Never a part of a word. */
const numbers =
  /(?<![\p{L}\d])[.,;]?\d(?:[\d.,;']| (?=\d{3}(?!\d)))*|(?<=\p{L})\d(?:[\d.,;']| (?=\d{3}(?!\d)))*/gu;
const longest = 300;

type Found = Readonly<{ written: string; currency: string | null; percent: boolean }>;

/**
 * The price that a text states, such as `1.234,56 €`, `US$1,234.56`, `ab 12,50 €`, `CHF 1'234.–`, `12€50` or
 * `١٬٢٣٤٫٥٠ ر.س`. Of several numbers the first one beside a currency counts, else the first. Null where there is no
 * positive amount or the currency stays open.
 */
export function readPrice(text: string, context: PriceContext): Money | null {
  const plain = franc(plainMarks(text.slice(0, longest)).trim());
  const found = [...plain.matchAll(numbers)]
    .map((match) => beside(plain, match.index, trimmed(match[0]), context.locale))
    .filter(({ percent, written }) => !percent && written !== '');
  const chosen = found.find(({ currency }) => currency !== null) ?? found[0];
  if (chosen === undefined) return null;
  const currency = statedCurrency(context) ?? chosen.currency;
  if (currency === null) return null;
  const decimal = readNumber(chosen.written, { currency, locale: context.locale.tag });
  return decimal === null ? null : positive(decimal, currency);
}

/** An amount given as a number, as JSON has it: its point is decimal. */
export function readPriceNumber(amount: number, context: PriceContext): Money | null {
  const currency = statedCurrency(context);
  if (currency === null || !Number.isFinite(amount) || amount >= 1e15) return null;
  // Binary fractions of products and sums (19.989999999999998) end far behind what any currency has.
  return positive(amount.toFixed(6), currency);
}

/** The currency of a code or sign, as pages state it beside the amount. */
export function statedCurrency({ currency, locale }: PriceContext): string | null {
  const text = currency?.trim() ?? '';
  if (text === '') return null;
  return currencyCode(text) ?? currencyOfSign(text, locale);
}

function positive(decimal: string, currency: string): Money | null {
  const amountMinor = toMinorUnits(decimal, currency);
  return amountMinor === null || amountMinor <= 0 ? null : { amountMinor, currency };
}

/** `12€50` as `12.50€`: the sign in place of the decimal mark. */
function franc(text: string): string {
  return text.replace(/(\d) ?([€$£]) ?(\d{2})(?![\d.,%])/, '$1.$3$2');
}

/** Without marks at the end; a group of more than three digits before a space belongs to something else. */
function trimmed(written: string): string {
  const number = written.replace(/[.,;' ]+$/, '');
  const [first = '', ...rest] = number.split(' ');
  return rest.length > 0 && first.replace(/\D/g, '').length > 3 && /^\d+$/.test(first)
    ? rest.join(' ')
    : number;
}

function beside(text: string, at: number, written: string, locale: PageLocale): Found {
  const start = text.indexOf(written, at);
  const before = text.slice(0, start).replace(/[ \-–—−]+$/, '');
  const after = text.slice(start + written.length).replace(/^[ .,\-–—−]+/, '');
  return {
    written,
    percent: /^[%٪]/.test(after),
    currency: codeBeside(before, after) ?? signBeside(before, after, locale),
  };
}

function codeBeside(before: string, after: string): string | null {
  const code = /(?<!\p{L})([A-Z]{3})$/u.exec(before)?.[1] ?? /^([A-Z]{3})(?!\p{L})/u.exec(after)?.[1];
  return code === undefined ? null : currencyCode(code);
}

function signBeside(before: string, after: string, locale: PageLocale): string | null {
  for (const sign of [signAtEnd(before), signAtStart(after)]) {
    const currency = sign === null ? null : currencyOfSign(sign, locale);
    if (currency !== null) return currency;
  }
  return null;
}
