import type { CheerioAPI } from 'cheerio';
import type { OutboundHttp } from '@daybook/kernel/ports/outside.ts';
import { crawleeSettings } from './crawlee-settings.ts';
import type { Fetched, PageFetcher } from './fetched.ts';
import { asRequestQueue } from './crawl-queue.ts';
import { keptCrawler } from './kept-crawler.ts';
import { outboundClient, type Answers } from './outbound-client.ts';

export type PlainPagesOptions = Readonly<{
  outbound: OutboundHttp;
  userAgent: string;
  /** Pages at once. */
  concurrency: number;
  /** Of one page, redirects included. */
  timeoutMs: number;
  maxBytes: number;
  /** Keep cookies, as Crawlee's sessions do. */
  sessions: boolean;
}>;

const idleMs = 10_000;
/** Every status is an answer for the classification to judge. */
const serverErrors = Array.from({ length: 100 }, (_, index) => 500 + index);

/** Fetches pages as they are served, by `@crawlee/cheerio` over the guarded client. */
export function plainPages(options: PlainPagesOptions): PageFetcher {
  const { userAgent, concurrency, timeoutMs, sessions } = options;
  const answers: Answers = new WeakMap();
  const headers = {
    'user-agent': userAgent,
    accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
    'accept-language': 'en;q=0.8, *;q=0.5',
  };
  return keptCrawler({
    idleMs,
    request: async (url, uniqueKey) => {
      const { Request } = await import('@crawlee/core');
      return new Request({ url, uniqueKey, headers });
    },
    make: async (hooks) => {
      const [core, { CheerioCrawler }] = await Promise.all([
        import('@crawlee/core'),
        import('@crawlee/cheerio'),
      ]);
      const { configuration, shared } = crawleeSettings(core);
      return new CheerioCrawler(
        {
          ...shared,
          requestQueue: asRequestQueue(hooks.queue),
          httpClient: outboundClient({ ...options, stepwise: sessions, answers }),
          minConcurrency: concurrency,
          maxConcurrency: concurrency,
          autoscaledPoolOptions: { isFinishedFunction: hooks.isFinished, loggingIntervalSecs: null },
          useSessionPool: sessions,
          persistCookiesPerSession: sessions,
          sessionPoolOptions: {
            maxPoolSize: 1,
            blockedStatusCodes: [],
            persistenceOptions: { enable: false },
          },
          ignoreHttpErrorStatusCodes: serverErrors,
          additionalMimeTypes: ['*/*'],
          navigationTimeoutSecs: (timeoutMs + 5_000) / 1_000,
          requestHandlerTimeoutSecs: (timeoutMs + 10_000) / 1_000,
          requestHandler: ({ request, response, $ }) => {
            const answer = answers.get(response);
            if (answer === undefined) throw new Error('A response came past the guarded client.');
            const page: Fetched = {
              url: answer.url,
              status: answer.status,
              headers: answer.headers,
              contentType: answer.contentType,
              bytes: answer.body,
              text: answer.text,
              // Crawlee parses HTML and XML only, whatever its types say, and by a copy of cheerio of its own.
              $: ($ as unknown as CheerioAPI | undefined) ?? null,
            };
            hooks.done(request, page);
          },
          failedRequestHandler: ({ request }, error) => {
            hooks.failed(request, error);
          },
        },
        configuration,
      );
    },
  });
}
