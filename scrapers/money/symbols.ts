/** Currencies by the signs that pages write for them. */
import type { PageLocale } from './page-locale.ts';
import { currencyOfRegion } from './regions.ts';

/** Signs of one currency each, as `sign code` pairs (CLDR's narrow and common signs, and what shops write). */
const own = `
€ EUR|₹ INR|₽ RUB|руб RUB|руб. RUB|₩ KRW|원 KRW|₪ ILS|₫ VND|đ VND|₴ UAH|грн UAH|₦ NGN|₱ PHP|₺ TRY|TL TRY|₸ KZT|฿ THB|
บาท THB|₡ CRC|₲ PYG|₵ GHS|GH₵ GHS|₭ LAK|₮ MNT|₼ AZN|₾ GEL|֏ AMD|៛ KHR|৳ BDT|؋ AFN|zł PLN|zl PLN|Kč CZK|Ft HUF|lei RON|лв BGN|лв. BGN|
R$ BRL|US$ USD|U$S USD|C$ CAD|CA$ CAD|CAD$ CAD|A$ AUD|AU$ AUD|NZ$ NZD|HK$ HKD|S$ SGD|SG$ SGD|NT$ TWD|MX$ MXN|AR$ ARS|CLP$ CLP|COL$ COP|
RD$ DOP|J$ JMD|TT$ TTD|Bs. BOB|S/ PEN|S/. PEN|Q GTQ|R ZAR|Rp INR_ID|RM MYR|KSh KES|TSh TZS|USh UGX|CHF CHF|Fr. CHF|SFr. CHF|
円 JPY|元 CNY|人民币 CNY|RMB CNY|CN¥ CNY|JP¥ JPY|E£ EGP|L£ LBP|дин RSD|din RSD|ден MKD|KM BAM|сўм UZS|сом KGS|Br BYN|
د.إ AED|درهم AED|ر.س SAR|ر.س. SAR|﷼ SAR|د.ك KWD|د.ك. KWD|ر.ق QAR|ر.ق. QAR|د.ب BHD|د.ب. BHD|ر.ع. OMR|د.أ JOD|د.أ. JOD|د.ا JOD|ج.م EGP|ج.م. EGP|
د.م. MAD|د.ت. TND|د.ج. DZD|ع.د IQD|د.ع. IQD|د.ل. LYD|ل.ل. LBP|تومان IRR|₨ PKR`;

/** Signs that several currencies share: the region of the page chooses among them; `or` where it does not. */
const shared: Readonly<Record<string, { among: string; or: string | null }>> = {
  $: {
    among:
      'USD CAD AUD NZD HKD SGD TWD MXN ARS CLP COP UYU BRL DOP JMD TTD BBD BSD BMD BZD FJD GYD KYD LRD NAD SRD BND XCD',
    or: 'USD',
  },
  '¥': { among: 'JPY CNY', or: 'JPY' },
  '￥': { among: 'JPY CNY', or: 'JPY' },
  '£': { among: 'GBP EGP LBP SYP', or: 'GBP' },
  kr: { among: 'SEK NOK DKK ISK', or: null },
  'kr.': { among: 'DKK SEK NOK ISK', or: null },
  Kr: { among: 'SEK NOK DKK ISK', or: null },
  'Kr.': { among: 'DKK SEK NOK ISK', or: null },
  Rs: { among: 'INR PKR LKR NPR MUR SCR', or: 'INR' },
  'Rs.': { among: 'INR PKR LKR NPR MUR SCR', or: 'INR' },
  Fr: { among: 'CHF XOF XAF', or: 'CHF' },
  L: { among: 'HNL ALL MDL RON', or: null },
};

const single = new Map(
  own
    .replaceAll('\n', '')
    .replace('INR_ID', 'IDR')
    .split('|')
    .map((pair): [string, string] => {
      const space = pair.lastIndexOf(' ');
      return [pair.slice(0, space), pair.slice(space + 1)];
    }),
);

/** Every sign, the longest first, so that `US$` is not read as `$`. */
const signs = [...single.keys(), ...Object.keys(shared)].sort((a, b) => b.length - a.length);
const letter = /\p{L}/u;

/** The sign that a text ends with. A sign of letters is one only where no further letter stands before it. */
export function signAtEnd(text: string): string | null {
  return (
    signs.find(
      (sign) =>
        text.endsWith(sign) && !(letter.test(sign[0] ?? '') && letter.test(text.at(-sign.length - 1) ?? '')),
    ) ?? null
  );
}

/** The sign that a text starts with; of letters only where no further letter follows. */
export function signAtStart(text: string): string | null {
  return (
    signs.find(
      (sign) =>
        text.startsWith(sign) && !(letter.test(sign.at(-1) ?? '') && letter.test(text[sign.length] ?? '')),
    ) ?? null
  );
}

/** The currency a sign stands for on a page; null where that stays open. */
export function currencyOfSign(sign: string, locale: PageLocale): string | null {
  const mine = single.get(sign);
  if (mine !== undefined) return mine;
  const family = shared[sign];
  if (family === undefined) return null;
  const among = family.among.split(' ');
  for (const region of locale.regions) {
    const currency = currencyOfRegion(region);
    if (currency !== null && among.includes(currency)) return currency;
  }
  return family.or;
}
