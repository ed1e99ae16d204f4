/**
 * The currency of each region (CLDR supplemental data, currencyData). The first region of a currency stands for how its
 * amounts are written where nothing else is known.
 */
const currencies = `
DE EUR,US USD,GB GBP,CH CHF,JP JPY,CN CNY,AU AUD,NZ NZD,ZA ZAR,DK DKK,NO NOK,SN XOF,CM XAF,PF XPF,
AD EUR,AE AED,AF AFN,AL ALL,AM AMD,AO AOA,AR ARS,AT EUR,AZ AZN,BA BAM,BB BBD,BD BDT,BE EUR,BG EUR,BH BHD,BI BIF,BJ XOF,BM BMD,
BN BND,BO BOB,BR BRL,BS BSD,BW BWP,BY BYN,BZ BZD,CA CAD,CD CDF,CI XOF,CL CLP,CO COP,CR CRC,CU CUP,CY EUR,CZ CZK,DJ DJF,
DO DOP,DZ DZD,EC USD,EE EUR,EG EGP,ES EUR,ET ETB,FI EUR,FJ FJD,FO DKK,FR EUR,GE GEL,GH GHS,GL DKK,GN GNF,GR EUR,GT GTQ,
GY GYD,HK HKD,HN HNL,HR EUR,HT HTG,HU HUF,ID IDR,IE EUR,IL ILS,IN INR,IQ IQD,IR IRR,IS ISK,IT EUR,JM JMD,JO JOD,KE KES,
KG KGS,KH KHR,KR KRW,KW KWD,KY KYD,KZ KZT,LA LAK,LB LBP,LI CHF,LK LKR,LT EUR,LU EUR,LV EUR,LY LYD,MA MAD,MC EUR,MD MDL,
ME EUR,MG MGA,MK MKD,MM MMK,MN MNT,MO MOP,MT EUR,MU MUR,MV MVR,MW MWK,MX MXN,MY MYR,MZ MZN,NA NAD,NG NGN,NI NIO,NL EUR,
NP NPR,OM OMR,PA PAB,PE PEN,PG PGK,PH PHP,PK PKR,PL PLN,PR USD,PT EUR,PY PYG,QA QAR,RO RON,RS RSD,RU RUB,RW RWF,SA SAR,
SC SCR,SE SEK,SG SGD,SI EUR,SK EUR,SR SRD,SV USD,SY SYP,TH THB,TJ TJS,TM TMT,TN TND,TR TRY,TT TTD,TW TWD,TZ TZS,UA UAH,
UG UGX,UY UYU,UZ UZS,VE VES,VN VND,XK EUR,YE YER,ZM ZMW,ZW ZWG`;

const currencyByRegion = new Map<string, string>();
const regionByCurrency = new Map<string, string>();
for (const [, region = '', currency = ''] of currencies.matchAll(/(\w\w) (\w{3})/g)) {
  currencyByRegion.set(region, currency);
  if (!regionByCurrency.has(currency)) regionByCurrency.set(currency, region);
}

/** Country domains that are sold to everybody and so say nothing about a shop's country. */
const generic = new Set(
  'ac ai am bz cc cd co fm gg im io la ly me ms mu nu re sc sh st tk to tv vc vg ws'.split(' '),
);

/** The currency of a region (ISO 3166-1 alpha-2). */
export function currencyOfRegion(region: string): string | null {
  return currencyByRegion.get(region) ?? null;
}

/** The language and region in which amounts of a currency are mostly written, as a BCP 47 tag. */
export function homeLocale(currency: string): string | null {
  const region = regionByCurrency.get(currency);
  return region === undefined ? null : new Intl.Locale(`und-${region}`).maximize().baseName;
}

/** The region a host's country domain stands for; null for generic domains, addresses and domains used as such. */
export function regionOfHost(host: string): string | null {
  const top = /\.([a-z]{2})$/.exec(host)?.[1];
  if (top === undefined || generic.has(top)) return null;
  const region = top === 'uk' ? 'GB' : top.toUpperCase();
  return currencyByRegion.has(region) ? region : null;
}
