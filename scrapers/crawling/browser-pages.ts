import { load } from 'cheerio';
import type { Page, Route } from 'playwright';
import { isDaybookError } from '@daybook/kernel/errors.ts';
import type { Log, OutboundHttp } from '@daybook/kernel/ports/outside.ts';
import { crawleeSettings } from './crawlee-settings.ts';
import type { Fetched, PageFetcher } from './fetched.ts';
import { asRequestQueue } from './crawl-queue.ts';
import { keptCrawler } from './kept-crawler.ts';

export type BrowserPagesOptions = Readonly<{
  executablePath: string;
  outbound: OutboundHttp;
  userAgent: string;
  /** Pages at once. */
  concurrency: number;
  /** Of one request of a page. */
  timeoutMs: number;
  maxBytes: number;
  /** Chromium's own sandbox; it does not start in it as root. */
  sandbox: boolean;
  /** Whether a page has what is looked for: it is not waited for any longer then. */
  enough: (page: Fetched) => boolean;
  log: Log;
}>;

const idleMs = 30_000;
/** A page that shows no price by then is taken as it is. */
const settleMs = 8_000;
const lookEveryMs = 200;
/** A page may not keep the guard busy without end. */
const mostRequests = 150;

/** What a price may hang on. Pictures, fonts, styles, media and the rest only cost. */
const wanted = new Set(['document', 'script', 'xhr', 'fetch']);
/** Headers that describe the body on the wire, which the browser does not get. */
const ofTheWire = new Set([
  'content-encoding',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
]);

/**
 * Chromium may not open a single connection: all requests are answered out of the guarded client, and whatever finds a way
 * past the interception (sockets, prefetches, redirects followed inside) meets names that do not resolve and a proxy that
 * is not there.
 */
const shutIn = [
  '--host-resolver-rules=MAP * ~NOTFOUND',
  '--proxy-server=http://127.0.0.1:9',
  '--proxy-bypass-list=<-loopback>',
  '--force-webrtc-ip-handling-policy=disable_non_proxied_udp',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-domain-reliability',
  '--disable-sync',
  '--no-first-run',
  '--no-pings',
  '--mute-audio',
  '--disable-gpu',
  '--disable-dev-shm-usage',
];

type Looked = Readonly<{ status: number; headers: Readonly<Record<string, string>>; url: string }>;

/** Fetches pages in Chromium, by `@crawlee/playwright`, and waits until scripts have shown what is looked for. */
export function browserPages(options: BrowserPagesOptions): PageFetcher {
  const { executablePath, userAgent, concurrency, timeoutMs, sandbox, enough } = options;
  return keptCrawler({
    idleMs,
    request: async (url, uniqueKey) => {
      const { Request } = await import('@crawlee/core');
      return new Request({ url, uniqueKey });
    },
    make: async (hooks) => {
      const [core, { PlaywrightCrawler }, { chromium }] = await Promise.all([
        import('@crawlee/core'),
        import('@crawlee/playwright'),
        import('playwright'),
      ]);
      const { configuration, shared } = crawleeSettings(core);
      const documents = new WeakMap<Page, { answer: Looked | null; refusal: Error | null }>();
      return new PlaywrightCrawler(
        {
          ...shared,
          requestQueue: asRequestQueue(hooks.queue),
          minConcurrency: concurrency,
          maxConcurrency: concurrency,
          autoscaledPoolOptions: { isFinishedFunction: hooks.isFinished, loggingIntervalSecs: null },
          useSessionPool: false,
          persistCookiesPerSession: false,
          navigationTimeoutSecs: (timeoutMs + 5_000) / 1_000,
          requestHandlerTimeoutSecs: (timeoutMs + settleMs + 15_000) / 1_000,
          launchContext: {
            launcher: chromium,
            useIncognitoPages: true,
            userAgent,
            launchOptions: {
              executablePath,
              headless: true,
              chromiumSandbox: sandbox,
              args: shutIn,
              // Playwright's own handlers end the whole process (https://playwright.dev/docs/api/class-browsertype).
              handleSIGINT: false,
              handleSIGTERM: false,
              handleSIGHUP: false,
            },
          },
          browserPoolOptions: {
            useFingerprints: false,
            retireBrowserAfterPageCount: 200,
            prePageCreateHooks: [
              (_, __, pageOptions) => {
                Object.assign(pageOptions ?? {}, {
                  serviceWorkers: 'block',
                  acceptDownloads: false,
                  permissions: [],
                  userAgent,
                });
              },
            ],
          },
          preNavigationHooks: [
            async ({ page }, gotoOptions) => {
              const document = { answer: null, refusal: null };
              documents.set(page, document);
              await confine(page, options, document);
              Object.assign(gotoOptions, { waitUntil: 'domcontentloaded' });
            },
          ],
          requestHandler: async ({ request, page }) => {
            const document = documents.get(page);
            hooks.done(request, await settled(page, document?.answer ?? null, enough));
          },
          failedRequestHandler: ({ request, page }, error) => {
            // A navigation that the guard refused ends as Chromium's own error; the guard's reason is the true one.
            const refusal = (page as Page | undefined) === undefined ? null : documents.get(page)?.refusal;
            hooks.failed(request, refusal ?? error);
          },
        },
        configuration,
      );
    },
  });
}

/** Answers the page's requests out of the guarded client, and nothing else. */
async function confine(
  page: Page,
  options: BrowserPagesOptions,
  document: { answer: Looked | null; refusal: Error | null },
): Promise<void> {
  let requests = 0;
  await page.routeWebSocket(/.*/, (socket) => {
    void socket.close();
  });
  await page.route(/.*/, async (route) => {
    const request = route.request();
    requests += 1;
    const main = request.isNavigationRequest() && request.frame() === page.mainFrame();
    const inner = request.isNavigationRequest() && !main;
    if (inner || !wanted.has(request.resourceType()) || requests > mostRequests) {
      await route.abort('blockedbyclient').catch(() => undefined);
      return;
    }
    try {
      const answer = await answerTo(route, options);
      if (main) document.answer = answer;
    } catch (error) {
      if (main && error instanceof Error) document.refusal = error;
      if (isDaybookError(error, 'address-forbidden')) {
        options.log.info('A page asked for a forbidden address.', { page: new URL(page.url()).host });
      }
      // The page may be closed by now; then nobody waits for the answer.
      await route.abort('failed').catch(() => undefined);
    }
  });
}

async function answerTo(route: Route, options: BrowserPagesOptions): Promise<Looked> {
  const request = route.request();
  const method = request.method();
  if (!isMethod(method)) throw new Error(`Pages may not send ${method}.`);
  const { 'accept-encoding': _, ...headers } = await request.allHeaders();
  const body = request.postDataBuffer();
  const answer = await options.outbound.fetch({
    url: request.url(),
    method,
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith(':'))),
    ...(body === null ? {} : { body }),
    timeoutMs: options.timeoutMs,
    maxBytes: options.maxBytes,
  });
  await route.fulfill({
    status: answer.status,
    headers: Object.fromEntries(Object.entries(answer.headers).filter(([name]) => !ofTheWire.has(name))),
    body: Buffer.from(answer.body),
  });
  return { status: answer.status, headers: answer.headers, url: answer.url };
}

function isMethod(method: string): method is 'GET' | 'HEAD' | 'POST' {
  return method === 'GET' || method === 'HEAD' || method === 'POST';
}

/** The document once it has what is looked for, else when its time is over. */
async function settled(
  page: Page,
  answer: Looked | null,
  enough: (page: Fetched) => boolean,
): Promise<Fetched> {
  const deadline = performance.now() + settleMs;
  const network = { quiet: false };
  void page.waitForLoadState('networkidle', { timeout: settleMs }).then(
    () => (network.quiet = true),
    () => undefined,
  );
  for (let last = ''; ;) {
    const html = await page.content();
    const looked = asFetched(page, html, answer);
    if (enough(looked) || performance.now() > deadline || (network.quiet && html === last)) return looked;
    last = html;
    await page.waitForTimeout(lookEveryMs);
  }
}

function asFetched(page: Page, html: string, answer: Looked | null): Fetched {
  return {
    url: answer?.url ?? page.url(),
    status: answer?.status ?? 0,
    headers: answer?.headers ?? {},
    contentType: 'text/html',
    bytes: Buffer.from(html),
    text: html,
    $: load(html),
  };
}
