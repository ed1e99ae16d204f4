import type * as Core from '@crawlee/core';

/** Crawlee without its storages and its watch over the machine: it crawls, and everything around it is ours. */
export type CrawleeSettings = Readonly<{
  configuration: Core.Configuration;
  /** Options that every crawler here has. */
  shared: Readonly<{
    log: Core.Log;
    maxRequestRetries: 0;
    statusMessageLoggingInterval: number;
    statisticsOptions: {
      persistenceOptions: { enable: false };
      logIntervalSecs: number;
      saveErrorSnapshots: false;
    };
  }>;
}>;

const hoursSecs = 24 * 3_600;

/** Settings over the loaded module, which costs 40 MB and is loaded with the first page only. */
export function crawleeSettings(core: typeof Core): CrawleeSettings {
  const { Configuration, EventManager, LogLevel, log } = core;
  // Crawlee's own manager measures CPU and memory every second to scale itself; concurrency is fixed here.
  class QuietEvents extends EventManager {}
  const silent = log.child({ prefix: 'scraper', level: LogLevel.OFF });
  const configuration = new Configuration({
    persistStorage: false,
    purgeOnStart: false,
    eventManager: new QuietEvents(new Configuration({ persistStateIntervalMillis: hoursSecs * 1_000 })),
  });
  return {
    configuration,
    shared: {
      log: silent,
      maxRequestRetries: 0,
      statusMessageLoggingInterval: hoursSecs,
      statisticsOptions: {
        persistenceOptions: { enable: false },
        logIntervalSecs: hoursSecs,
        saveErrorSnapshots: false,
      },
    },
  };
}
