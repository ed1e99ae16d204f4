import type { CheerioAPI } from 'cheerio';

/** A page as it was fetched, whether by a plain request or in a browser. */
export type Fetched = Readonly<{
  /** After redirects. */
  url: string;
  status: number;
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>;
  /** Lower case, without parameters; sniffed where the host does not say. */
  contentType: string;
  /** What is kept of it: the body as it came, or the document after scripts ran. */
  bytes: Uint8Array;
  text: string;
  /** The parsed document; null where it is neither HTML nor XML. */
  $: CheerioAPI | null;
}>;

/** Fetches pages, many at a time. */
export type PageFetcher = Readonly<{
  /** @throws what `OutboundHttp.fetch` throws, and `unavailable` where the crawler itself ends */
  fetch(url: string): Promise<Fetched>;
  /** Lets what is under way end. Idempotent. */
  close(): Promise<void>;
}>;
