/** Numbers as people write them: any digits, any decimal and thousands marks. */
import { homeLocale } from './regions.ts';
import { minorDigits } from './minor-units.ts';

/** How the reader of an amount resolves what the writing leaves open. */
export type ReadAs = Readonly<{
  currency: string;
  /** BCP 47 tag of the page; null where unknown. */
  locale: string | null;
}>;

/** Invisible marks of direction that stand inside amounts of right-to-left pages. */
const invisible = /[\u200b-\u200f\u061c\u202a-\u202e\u2066-\u2069\ufeff\u00ad]/g;
const spaces = /[\s\u00a0\u2007\u2009\u202f]/g;
/** Marks that only ever group: apostrophes and Arabic's thousands mark. */
const apostrophes = /['\u2018\u2019\u02bc\u2032\uff07`\u066c]/g;

const unicodeDigit = /\p{Nd}/u;
const otherDigits = /(?![0-9])\p{Nd}/gu;

/**
 * The same text in ASCII digits and marks: `.` and `,` as written, `'` for marks that only group, `;` for the Arabic
 * decimal mark, one kind of space, and nothing invisible.
 */
export function plainMarks(text: string): string {
  return text
    .replace(invisible, '')
    .replace(otherDigits, asciiDigit)
    .replace(spaces, ' ')
    .replace(apostrophes, "'")
    .replace(/;/g, ' ')
    .replace(/[\u066b]/g, ';')
    .replace(/[\uff0c\u060c]/g, ',')
    .replace(/[\uff0e\u00b7]/g, '.');
}

/** Decimal digits stand in Unicode in runs of ten that start at zero. */
function asciiDigit(digit: string): string {
  let steps = 0;
  let code = (digit.codePointAt(0) ?? 0) - 1;
  while (unicodeDigit.test(String.fromCodePoint(code))) {
    steps += 1;
    code -= 1;
  }
  return String(steps % 10);
}

/**
 * Reads one written number in plain marks (see `plainMarks`) into a decimal such as `1234.5`; null where the marks make no
 * sense. The rule, in order:
 *
 * 1. Spaces, apostrophes and the Arabic thousands mark group; the Arabic decimal mark is decimal.
 * 2. Of a point and a comma together, the last one is decimal and the other groups.
 * 3. A mark that stands more than once groups.
 * 4. A single mark with one, two, or more than three digits behind it is decimal, and so is one with nothing, a zero or
 *    more than three digits before it, and one in a number that has other grouping marks.
 * 5. What is left is a single mark before exactly three digits (`1.234`): grouping in a currency without minor units;
 *    else as the page's locale reads that mark; without a locale decimal in a currency of three digits, and else as the
 *    currency's home reads it.
 */
export function readNumber(written: string, as: ReadAs): string | null {
  const grouped = /[ ']/.test(written);
  const text = written.replace(/[ ']/g, '');
  if (!/^[\d.,;]*\d[.,;]?$/.test(text)) return null;
  if (text.includes(';')) return split(text, ';');
  const points = count(text, '.');
  const commas = count(text, ',');
  if (points === 0 && commas === 0) return text;
  if (points > 0 && commas > 0) return split(text, text.lastIndexOf('.') > text.lastIndexOf(',') ? '.' : ',');
  const mark = points > 0 ? '.' : ',';
  if (points + commas > 1) return wellGrouped(text.split(mark)) ? text.replaceAll(mark, '') : null;
  return readsAsDecimal(text, mark, as, grouped) ? split(text, mark) : text.replace(mark, '');
}

function split(text: string, mark: string): string | null {
  const [whole = '', fraction = '', ...more] = text.split(mark);
  if (more.length > 0 || /[.,]/.test(fraction)) return null;
  return `${whole.replace(/[.,]/g, '') || '0'}.${fraction || '0'}`;
}

function readsAsDecimal(text: string, mark: string, as: ReadAs, grouped: boolean): boolean {
  const [before = '', after = ''] = text.split(mark);
  if (after.length !== 3 || grouped) return true;
  if (before === '' || before.startsWith('0') || before.length > 3) return true;
  const digits = minorDigits(as.currency);
  if (digits === 0) return false;
  if (as.locale !== null) return decimalMark(as.locale) === mark;
  if (digits === 3) return true;
  const home = homeLocale(as.currency);
  return home !== null && decimalMark(home) === mark;
}

/** Groups of three, or of two before the last one as on the Indian subcontinent. */
function wellGrouped([first = '', ...groups]: readonly string[]): boolean {
  return (
    first.length >= 1 &&
    first.length <= 3 &&
    groups.every((group, index) => group.length === 3 || (group.length === 2 && index < groups.length - 1))
  );
}

function count(text: string, mark: string): number {
  return text.split(mark).length - 1;
}

const decimalMarks = new Map<string, string>();

/** The decimal mark of amounts of money: in `fr-CH` and others it differs from that of other numbers. */
function decimalMark(locale: string): string {
  let mark = decimalMarks.get(locale);
  if (mark === undefined) {
    const format = new Intl.NumberFormat(locale, { style: 'currency', currency: 'EUR' });
    const part = format.formatToParts(1.5).find(({ type }) => type === 'decimal');
    mark = plainMarks(part?.value ?? '.');
    decimalMarks.set(locale, mark);
  }
  return mark;
}
