import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { currencyCode, minorDigits, toMinorUnits } from './minor-units.ts';
import { pageLocale } from './page-locale.ts';
import { readPrice, readPriceNumber } from './price-text.ts';
import { homeLocale } from './regions.ts';

const nowhere = pageLocale(null, 'shop.example');

describe('minor units', () => {
  test.each([
    ['EUR', 2],
    ['JPY', 0],
    ['KWD', 3],
    ['CLF', 4],
    ['ALL', 2],
    ['IQD', 3],
  ])('%s has %i digits', (currency, digits) => {
    expect(minorDigits(currency)).toBe(digits);
  });

  test.each([
    ['12.5', 'EUR', 1250],
    ['12', 'EUR', 1200],
    ['.99', 'EUR', 99],
    ['12.345', 'EUR', 1235],
    ['12.344', 'EUR', 1234],
    ['1234', 'JPY', 1234],
    ['1234.5', 'JPY', 1235],
    ['1.5', 'KWD', 1500],
    ['0.005', 'EUR', 1],
    // The most that a message carries (2^52 - 1).
    ['45035996273704.95', 'EUR', 4503599627370495],
  ])('%s %s is %i', (decimal, currency, minor) => {
    expect(toMinorUnits(decimal, currency)).toBe(minor);
  });

  test.each(['', '.', '-1', '1e3', '1.2.3', '45035996273704.96', '99999999999999999'])(
    '"%s" is no amount',
    (decimal) => {
      expect(toMinorUnits(decimal, 'EUR')).toBeNull();
    },
  );

  test.each([
    ['eur', 'EUR'],
    [' usd ', 'USD'],
    ['RMB', 'CNY'],
    ['Euro', 'EUR'],
    ['XYZ', null],
    ['', null],
  ])('the code of "%s"', (text, code) => {
    expect(currencyCode(text)).toBe(code);
  });
});

describe('the locale of a page', () => {
  test.each<[string | null, string, string | null, string[]]>([
    ['de', 'shop.de', 'de-DE', ['DE']],
    ['de', 'shop.ch', 'de-CH', ['CH', 'DE']],
    ['en', 'shop.de', 'en-DE', ['DE', 'US']],
    ['en-US', 'shop.com.au', 'en-US', ['AU', 'US']],
    ['pt_BR', 'shop.com', 'pt-BR', ['BR']],
    ['sv', 'shop.com', 'sv', ['SE']],
    [null, 'shop.co.uk', 'en-Latn-GB', ['GB']],
    [null, 'shop.io', null, []],
    ['not a tag!', 'shop.com', 'not', ['US']],
    ['???', '127.0.0.1', null, []],
  ])('%s at %s', (language, host, tag, regions) => {
    const locale = pageLocale(language, host);
    expect(locale.tag).toBe(tag);
    if (tag !== 'not') expect(locale.regions).toEqual(regions);
  });
});

describe('written prices', () => {
  test.each<[string, string | null, number]>([
    ['1.234,56 €', 'EUR', 123456],
    ['€ 1.234,56', 'EUR', 123456],
    ['€1,234.56', 'EUR', 123456],
    ['1 234,56 €', 'EUR', 123456],
    ['1\u202f234,56\u00a0€', 'EUR', 123456],
    ['12€50', 'EUR', 1250],
    ['1.234,- €', 'EUR', 123400],
    ['1.234,– €', 'EUR', 123400],
    ['EUR 99', 'EUR', 9900],
    ['99,9 EUR', 'EUR', 9990],
    ['99.99EUR', 'EUR', 9999],
    ['ab 12,50 € statt 15,00 €', 'EUR', 1250],
    ['12,50 € / kg', 'EUR', 1250],
    ['-20% 80,00 €', 'EUR', 8000],
    ["CHF 1'234.50", 'CHF', 123450],
    ['CHF 1’234.–', 'CHF', 123400],
    ['Fr. 12.50', 'CHF', 1250],
    ['US$1,234.56', 'USD', 123456],
    ['$1,234', 'USD', 123400],
    ['$12.99 – $15.99', 'USD', 1299],
    ['From $12.99', 'USD', 1299],
    ['2 for $12.99', 'USD', 1299],
    ['R$ 1.234,56', 'BRL', 123456],
    ['NZ$ 12.50', 'NZD', 1250],
    ['₹1,23,456.00', 'INR', 12345600],
    ['₹ 1,23,456', 'INR', 12345600],
    ['Rs. 1,999', 'INR', 199900],
    ['¥1,234', 'JPY', 1234],
    ['￥12,800', 'JPY', 12800],
    ['1,234円', 'JPY', 1234],
    ['１，２３４円', 'JPY', 1234],
    ['99.00元', 'CNY', 9900],
    ['₩1,234,000', 'KRW', 1234000],
    ['1.234.000 ₫', 'VND', 1234000],
    ['Rp 1.234.000', 'IDR', 123400000],
    ['1 234,50 zł', 'PLN', 123450],
    ['1 234 Kč', 'CZK', 123400],
    ['12 345 Ft', 'HUF', 1234500],
    ['1 234,50 ₽', 'RUB', 123450],
    ['1 234 руб.', 'RUB', 123400],
    ['£12.50', 'GBP', 1250],
    ['KD 12.500'.replace('KD', 'KWD'), 'KWD', 12500],
    ['KWD 1,234.500', 'KWD', 1234500],
    ['١٬٢٣٤٫٥٠ ر.س', 'SAR', 123450],
    ['\u200f١٢٫٥٠٠ د.ك.\u200f', 'KWD', 12500],
    ['۱۲۳٬۴۵۶ تومان', 'IRR', 12345600],
    ['₹१,२३,४५६.००', 'INR', 12345600],
    ['৳১,২৩৪.৫০', 'BDT', 123450],
    ['฿1,234.50', 'THB', 123450],
    ['S/ 1,234.50', 'PEN', 123450],
    ['RM 12.50', 'MYR', 1250],
    ['0.99 €', 'EUR', 99],
    ['.99 $', 'USD', 99],
    ['19.9900 USD', 'USD', 1999],
  ])('%s', (text, currency, amountMinor) => {
    expect(readPrice(text, { locale: nowhere })).toEqual({ amountMinor, currency });
  });

  test.each([
    '',
    'free',
    'Price on request',
    '0,00 €',
    '1.2.3 €',
    '12,34,5 €',
    '50 %',
    '99',
    '100 kr',
    'ISO9001',
  ])('"%s" states no price', (text) => {
    expect(readPrice(text, { locale: nowhere })).toBeNull();
  });

  test('a stated currency goes before the sign in the text', () => {
    expect(readPrice('$12.00', { locale: nowhere, currency: 'CAD' })).toEqual({
      amountMinor: 1200,
      currency: 'CAD',
    });
    expect(readPrice('12.00', { locale: nowhere, currency: '€' })?.currency).toBe('EUR');
  });
});

describe('signs that several currencies share', () => {
  test.each<[string, string | null, string, string | null]>([
    ['$10', 'en', 'shop.com', 'USD'],
    ['$10', 'en-CA', 'shop.com', 'CAD'],
    ['$10', 'en-US', 'shop.com.au', 'AUD'],
    ['$10', 'fr', 'shop.ca', 'CAD'],
    ['$ 10.000', 'es', 'shop.cl', 'CLP'],
    ['$10', 'es-MX', 'shop.com', 'MXN'],
    ['$10', 'de', 'shop.de', 'USD'],
    ['¥100', 'zh-CN', 'shop.com', 'CNY'],
    ['¥100', 'ja', 'shop.com', 'JPY'],
    ['¥100', 'en', 'shop.cn', 'CNY'],
    ['¥100', 'en', 'shop.com', 'JPY'],
    ['100 kr', 'sv', 'shop.com', 'SEK'],
    ['100 kr', 'en', 'shop.no', 'NOK'],
    ['100 kr.', 'da', 'shop.com', 'DKK'],
    ['100 kr', 'is', 'shop.is', 'ISK'],
    ['100 kr', 'en', 'shop.com', null],
    ['£10', 'ar', 'shop.eg', 'EGP'],
    ['Rs 100', 'en', 'shop.pk', 'PKR'],
  ])('%s in %s at %s', (text, language, host, currency) => {
    expect(readPrice(text, { locale: pageLocale(language, host) })?.currency ?? null).toBe(currency);
  });
});

describe('a single mark before three digits', () => {
  test.each<[string, string | null, string, number]>([
    // A currency without minor units groups, whatever the locale.
    ['1.234', 'en-US', 'JPY', 1234],
    ['1,234', 'de-DE', 'KRW', 1234],
    ['19.990', null, 'CLP', 19990],
    // The locale knows its marks.
    ['1.234', 'de-DE', 'EUR', 123400],
    ['1,234', 'de-DE', 'EUR', 123],
    ['1.234', 'en-US', 'USD', 123],
    ['1,234', 'en-US', 'USD', 123400],
    ['1.234', 'de-CH', 'CHF', 123],
    ['1.234', 'fr-FR', 'EUR', 123400],
    ['1.234', 'en-AT', 'EUR', 123400],
    ['1,234', 'en-KW', 'KWD', 1234000],
    ['1.234', 'en-KW', 'KWD', 1234],
    // Without a locale the currency's digits and its home decide.
    ['1.234', null, 'KWD', 1234],
    ['1,234', null, 'KWD', 1234],
    ['1.234', null, 'EUR', 123400],
    ['1.234', null, 'USD', 123],
    ['1,234', null, 'USD', 123400],
    ['1.234', null, 'SEK', 123400],
    ['1.234', null, 'IDR', 123400],
    // What cannot group is decimal.
    ['0.999', null, 'EUR', 100],
    ['1234.567', null, 'EUR', 123457],
    ["1'234.567", null, 'CHF', 123457],
  ])('%s in %s as %s', (text, locale, currency, amountMinor) => {
    const page = { tag: locale, regions: [] };
    expect(readPrice(text, { locale: page, currency })?.amountMinor).toBe(amountMinor);
  });
});

describe('numbers of JSON', () => {
  test.each<[number, string, number | null]>([
    [1234.5, 'EUR', 123450],
    [1.234, 'EUR', 123],
    [19.989999999999998, 'USD', 1999],
    [1000, 'JPY', 1000],
    [12.5, 'KWD', 12500],
    [0, 'EUR', null],
    [-5, 'EUR', null],
    [1e21, 'EUR', null],
    [NaN, 'EUR', null],
  ])('%d %s', (amount, currency, amountMinor) => {
    const price = readPriceNumber(amount, { locale: nowhere, currency });
    expect(price?.amountMinor ?? null).toBe(amountMinor);
  });
});

describe('laws', () => {
  const locales =
    'en-US en-GB en-IN en-ZA de-DE de-CH de-AT fr-FR fr-CH fr-CA es-ES es-MX es-CL it-IT it-CH pt-BR pt-PT nl-NL sv-SE nb-NO da-DK fi-FI is-IS pl-PL cs-CZ hu-HU ro-RO bg-BG el-GR tr-TR ru-RU uk-UA ja-JP zh-CN zh-TW ko-KR th-TH vi-VN id-ID ms-MY hi-IN hi-IN-u-nu-deva bn-BD ta-IN-u-nu-tamldec mr-IN ne-NP ar-EG ar-EG-u-nu-arab ar-SA-u-nu-arab ar-AE ar-KW-u-nu-arab ar-MA fa-IR he-IL ur-PK my-MM km-KH ka-GE hy-AM kk-KZ sr-RS hr-HR sl-SI sk-SK et-EE lv-LV lt-LT ca-ES sw-KE af-ZA'.split(
      ' ',
    );
  const currencies = 'EUR USD GBP JPY KRW CLP CHF SEK INR KWD BHD TND PLN BRL SAR IDR'.split(' ');
  const amounts = fc.oneof(fc.integer({ min: 1, max: 9_999 }), fc.integer({ min: 1, max: 999_999_999_999 }));
  const seed = 20261121;

  test.each(['code', 'symbol', 'narrowSymbol'] as const)(
    'what Intl writes (currency as %s) is read back',
    (currencyDisplay) => {
      fc.assert(
        fc.property(
          fc.constantFrom(...locales),
          fc.constantFrom(...currencies),
          amounts,
          (tag, currency, minor) => {
            const digits = minorDigits(currency);
            const written = new Intl.NumberFormat(tag, {
              style: 'currency',
              currency,
              currencyDisplay,
              minimumFractionDigits: digits,
              maximumFractionDigits: digits,
            }).format(minor / 10 ** digits);
            const price = readPrice(written, { locale: { tag, regions: [] }, currency });
            expect([written, price]).toEqual([written, { amountMinor: minor, currency }]);
          },
        ),
        { numRuns: 2_000, seed },
      );
    },
  );

  test('the symbols Intl writes at home lead to the currency', () => {
    for (const currency of 'EUR USD GBP JPY KRW CHF SEK NOK DKK INR PLN CZK HUF BRL AUD CAD NZD MXN TRY ILS VND THB UAH RON ZAR'.split(
      ' ',
    )) {
      const tag = new Intl.Locale(homeLocale(currency) ?? 'en');
      const written = new Intl.NumberFormat(tag.baseName, { style: 'currency', currency }).format(1234);
      const locale = { tag: tag.baseName, regions: [tag.region ?? ''] };
      expect([written, readPrice(written, { locale })?.currency]).toEqual([written, currency]);
    }
  });

  test('whatever is read is a positive whole number or nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.constantFrom(...currencies), (text, currency) => {
        const price = readPrice(text, { locale: nowhere, currency });
        expect(price === null || (Number.isSafeInteger(price.amountMinor) && price.amountMinor > 0)).toBe(
          true,
        );
      }),
      { numRuns: 500, seed },
    );
  });
});
