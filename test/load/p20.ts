import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { CheerioCrawler, Configuration, log as crawleeLog, LogLevel } from '@crawlee/cheerio';
import { recordingCommands } from '@daybook/command-service/market/recording-commands.ts';
import { systemClock, systemIds } from '@daybook/infra/ambient.ts';
import { memoryWakeups } from '@daybook/infra/database/wakeups.ts';
import { contractStore } from '@daybook/infra/event-store/contract-store.ts';
import { postgresEventStore } from '@daybook/infra/event-store/postgres.ts';
import { diskObjects } from '@daybook/infra/objects/disk-objects.ts';
import { guardedHttp } from '@daybook/infra/outbound/guarded-http.ts';
import { makeMessageCodec } from '@daybook/infra/registry/codec.ts';
import { postgresSchemaRegistry } from '@daybook/infra/registry/postgres.ts';
import { makeCommandBus } from '@daybook/infra/runtime/command-bus.ts';
import { runDispatcher } from '@daybook/infra/runtime/dispatcher.ts';
import { runProcess } from '@daybook/infra/runtime/run-process.ts';
import { postgresTopics } from '@daybook/infra/topics/postgres-topics.ts';
import type { Metadata, NewEvent, StreamName } from '@daybook/kernel/event.ts';
import { currentVersion } from '@daybook/schemas/contracts.ts';
import { priceObservationsTopic, scrapeRequestsTopic } from '@daybook/schemas/topics.ts';
import { priceRecording } from '@daybook/sagas/market/price-recording.ts';
import { startPriceScraper } from '@daybook/scrapers/market/price-scraper.ts';
import { memoryVault } from '@daybook/infra/vault/memory.ts';
import { silentLog } from '../support/silent-log.ts';
import type { Bar, Bench } from './bar.ts';
import type { Sample } from './measure.ts';

const hostCount = 32;
const pagesPerHost = 30;
const pageCount = hostCount * pagesPerHost;
const concurrency = 20;
const metadata: Metadata = {
  schemaVersion: 1,
  tenantId: randomUUID(),
  actor: { kind: 'system', id: 'bench' },
  commandId: randomUUID(),
  correlationId: randomUUID(),
};

export const bar: Bar = {
  name: 'p20',
  title: `From a scrape request to the stored price event, ${String(pageCount)} pages of ${String(hostCount)} hosts, against a bare CheerioCrawler.`,
  prepare: async (bench) => {
    const site = spawn(process.execPath, [join(import.meta.dirname, 'p20-site.ts'), String(hostCount)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const hosts = await hostsOf(site);
    const urls = Array.from(
      { length: pageCount },
      (_, n) => `http://${hosts[n % hostCount] ?? ''}/p/${String(n)}`,
    );
    const scraping = await openScraping(bench, hosts, urls);
    return {
      contests: [
        {
          subject: { name: 'request to stored price event', unit: 'pages/s', run: () => scraping.run() },
          anchor: { name: 'bare CheerioCrawler', unit: 'pages/s', run: () => crawlBare(urls) },
          gate: 0.8,
          goal: 0.95,
        },
      ],
      close: async () => {
        await scraping.close();
        site.stdin.end();
        await once(site, 'exit');
      },
    };
  },
};

async function hostsOf({ stdout }: ChildProcess): Promise<readonly string[]> {
  if (stdout === null) throw new Error('The site says nothing.');
  let text = '';
  for await (const chunk of stdout) {
    text += String(chunk);
    if (text.includes('\n')) break;
  }
  return JSON.parse(text) as string[];
}

/** Crawlee as its documentation shows it: memory only, the price taken from the page's JSON-LD. */
async function crawlBare(urls: readonly string[]): Promise<Sample> {
  crawleeLog.setLevel(LogLevel.OFF);
  let prices = 0;
  const crawler = new CheerioCrawler(
    {
      minConcurrency: concurrency,
      maxConcurrency: concurrency,
      requestHandler: ({ $ }) => {
        const data = JSON.parse($('script[type="application/ld+json"]').text()) as {
          offers: { price: string };
        };
        if (Number(data.offers.price) > 0) prices += 1;
      },
    },
    new Configuration({ persistStorage: false }),
  );
  const start = performance.now();
  await crawler.run([...urls]);
  const seconds = (performance.now() - start) / 1_000;
  if (prices !== urls.length) throw new Error(`The crawler lost ${String(urls.length - prices)} pages.`);
  return { figure: urls.length / seconds };
}

/** The scraper, the process that records, its dispatcher and the command bus, as the services put them together. */
async function openScraping(
  bench: Bench,
  hosts: readonly string[],
  urls: readonly string[],
): Promise<{ run: () => Promise<Sample>; close: () => Promise<void> }> {
  const log = silentLog;
  const database = await bench.database({ poolSize: 20 });
  const wakeups = memoryWakeups();
  const eventStore = contractStore(postgresEventStore({ database, wakeups, log }), memoryVault());
  const topics = postgresTopics({ database, wakeups, log });
  const codec = makeMessageCodec({ registry: postgresSchemaRegistry(database) });
  const outbound = guardedHttp({ allowHosts: hosts, log });
  const partitions = { partitions: 8 };
  await topics.ensure(scrapeRequestsTopic, partitions);
  await topics.ensure(priceObservationsTopic, partitions);
  const products = urls.map((url) => ({ url, productId: randomUUID() }));
  for (const { url, productId } of products) {
    await eventStore.append(`product-${productId}` as StreamName, 'no-stream', [tracked(url, productId)]);
  }

  const stopping = new AbortController();
  const { signal } = stopping;
  const sender = makeCommandBus({
    commands: recordingCommands,
    eventStore,
    schemaVersion: currentVersion,
    clock: systemClock,
    log,
  });
  const shared = { topics, codec, database, wakeups, log, signal };
  const running = [
    runProcess({ ...shared, process: priceRecording, eventStore }),
    runDispatcher({
      ...shared,
      processes: [priceRecording],
      sender,
      effects: {},
      schemaVersion: currentVersion,
    }),
  ];
  const scraper = startPriceScraper({
    ...shared,
    outbound,
    objects: diskObjects(join(bench.folder, 'objects')),
    clock: systemClock,
    ids: systemIds,
    config: { concurrency, userAgent: 'DaybookBot/0.1' },
  });

  async function run(): Promise<Sample> {
    const after = await eventStore.head();
    const requests = products.map(({ url, productId }) => ({ requestId: randomUUID(), url, productId }));
    const messages = await Promise.all(
      requests.map(({ requestId, url, productId }) =>
        codec.encodeMessage({
          id: randomUUID(),
          type: 'ScrapeRequested',
          data: { requestId, productId, url, source: 'page' },
          metadata,
          recordedAt: systemClock.now(),
          key: `${metadata.tenantId} ${new URL(url).host}`,
          source: '/bench',
        }),
      ),
    );
    const missing = new Set<string>(requests.map(({ requestId }) => requestId));
    const start = performance.now();
    await topics.publish(scrapeRequestsTopic, messages);
    for await (const page of eventStore.subscribeAll({ after, signal: AbortSignal.timeout(120_000) })) {
      for (const { type, data } of page) {
        if (type === 'PriceObserved') missing.delete((data as { requestId: string }).requestId);
      }
      if (missing.size === 0) break;
    }
    const seconds = (performance.now() - start) / 1_000;
    if (missing.size > 0) throw new Error(`${String(missing.size)} prices are missing.`);
    return { figure: requests.length / seconds };
  }

  return {
    run,
    close: async () => {
      await scraper.stop();
      stopping.abort();
      await Promise.all(running);
      await outbound.close();
      await topics.close();
      await eventStore.close();
    },
  };
}

function tracked(url: string, productId: string): NewEvent {
  return {
    id: randomUUID(),
    type: 'ProductTracked',
    data: {
      productId,
      url,
      host: new URL(url).host,
      name: null,
      source: 'page',
      tags: [],
      group: null,
      schedule: { cron: '0 6 * * *', timeZone: 'UTC' },
    },
    metadata,
  };
}
