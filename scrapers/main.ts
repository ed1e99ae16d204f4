/** The scrapers: look at pages that were asked for and say what they saw. */
import { daybookSettings } from '@daybook/infra/config/settings.ts';
import { guardedHttp } from '@daybook/infra/outbound/guarded-http.ts';
import { defineService } from '@daybook/infra/platform.ts';
import { askParts, notReady } from '@daybook/infra/readiness.ts';
import { setScrapeHostsDue } from '@daybook/infra/telemetry/metrics.ts';
import { scrapeRequestsTopic } from '@daybook/schemas/contracts.ts';
import { hostsDue } from './crawling/hosts-due.ts';
import { startPriceScraper } from './market/price-scraper.ts';

/** How often hosts that wait are counted, for metrics. */
const measureEveryMs = 5_000;

/** Several may run on one database: of one host always one page is fetched at a time. */
export const scrapers = defineService({
  name: 'scrapers',
  settings: daybookSettings.pick({ installation: true, scraping: true, outbound: true }),
  start: (platform, _links, config) => {
    const { proxyUrls } = config.scraping;
    // Proxies are for visits of shops only; whatever else goes out keeps its own way.
    const proxied =
      proxyUrls.length === 0
        ? null
        : guardedHttp({ allowHosts: config.outbound.allowHosts, proxyUrls, log: platform.log });
    const outbound = proxied ?? platform.outbound;
    const scraper = startPriceScraper({ ...platform, outbound, config: config.scraping });
    const measuring = setInterval(() => {
      hostsDue(platform.database).then(setScrapeHostsDue, () => undefined);
    }, measureEveryMs);
    return Promise.resolve({
      ready: () =>
        askParts({
          scraper: async () => {
            const problem = scraper.problem();
            if (problem !== null) throw notReady(problem);
            const { engines, topics } = platform;
            const lags = await engines.waiting(() => topics.lag(scrapeRequestsTopic, 'scrapers'));
            const behind = lags.reduce((sum, { next, end }) => sum + (end - next), 0);
            return `${String(behind)} requests behind`;
          },
        }),
      stop: async () => {
        clearInterval(measuring);
        await scraper.stop();
        await proxied?.close();
      },
    });
  },
});
