import { regionOfHost } from './regions.ts';

/** What a page tells about how it writes amounts. */
export type PageLocale = Readonly<{
  /** BCP 47 tag with a region wherever one is known; null where the page says nothing. */
  tag: string | null;
  /** Regions it may belong to, the most telling first. */
  regions: readonly string[];
}>;

/**
 * The locale of a page from its language (`de`, `de_AT`, `pt-BR`) and host. The country of the host's domain goes before
 * the language's region: shops leave `en-US` in their templates. Never throws.
 */
export function pageLocale(language: string | null, host: string): PageLocale {
  const own = parse(language);
  const domain = regionOfHost(host);
  const likely = own?.maximize().region ?? null;
  const regions = [domain, own?.region ?? null, likely].filter((region) => region !== null);
  if (own === null) {
    const tag = domain === null ? null : new Intl.Locale(`und-${domain}`).maximize().baseName;
    return { tag, regions };
  }
  const region = own.region ?? domain;
  return {
    tag: region === null ? own.baseName : new Intl.Locale(own.baseName, { region }).baseName,
    regions: [...new Set(regions)],
  };
}

function parse(language: string | null): Intl.Locale | null {
  const tag =
    language
      ?.trim()
      .replaceAll('_', '-')
      .split(/[\s,;.@]/)[0] ?? '';
  if (tag === '') return null;
  try {
    return new Intl.Locale(tag);
  } catch {
    return null;
  }
}
