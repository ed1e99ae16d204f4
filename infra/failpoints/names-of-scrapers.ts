import { at } from './failpoint-place.ts';

/** What visits pages. */
export const scrapersFailpoints = {
  'scraper.queueing': at(
    'scrapers/politeness/host-queue.ts',
    'The requests are not in the host queue: their batch comes again.',
  ),
  'scraper.queued': at(
    'scrapers/politeness/host-queue.ts',
    'The requests are in the queue and the offset is not moved: the batch comes again, and the queue knows the ids.',
  ),
  'scraper.claiming': at('scrapers/politeness/host-queue.ts', 'No host is leased: another worker leases it.'),
  'scraper.claimed': at(
    'scrapers/politeness/host-queue.ts',
    'Hosts are leased and not served: the lease runs out, and another worker takes them over.',
  ),
  'scraper.keeping': at(
    'scrapers/politeness/host-queue.ts',
    'The leases are not renewed: they run out, and another worker takes the hosts over.',
  ),
  'scraper.kept': at(
    'scrapers/politeness/host-queue.ts',
    'The leases are renewed for the last time: they run out, and another worker takes the hosts over.',
  ),
  'scraper.visited': at(
    'scrapers/market/serve-host.ts',
    'The page is fetched and its snapshot stored, nothing published: it is fetched again.',
    'K20',
  ),
  'scraper.published': at(
    'scrapers/market/serve-host.ts',
    'The observation is published and its request not closed: it is published again under the same id, and counts once.',
    'K21',
  ),
  'scraper.settling': at(
    'scrapers/politeness/host-queue.ts',
    'What was done is not recorded: it is published again under the same ids.',
    'K21',
  ),
  'scraper.settled': at(
    'scrapers/politeness/host-queue.ts',
    'Requests are closed and the host given back; nothing is left to do.',
  ),
  'scraper.purging': at(
    'scrapers/politeness/host-queue.ts',
    'Old requests stay: the next round removes them.',
  ),
  'scraper.purged': at('scrapers/politeness/host-queue.ts', 'Old requests are gone.'),
  'robots.keeping': at(
    'scrapers/politeness/robots-cache.ts',
    'The rules are not kept: they are asked for again.',
  ),
  'robots.kept': at('scrapers/politeness/robots-cache.ts', 'The rules are kept for every process.'),
  'objects.renaming': at(
    'infra/objects/disk-objects.ts',
    'The object is a file beside its place that nobody reads: it is written again.',
  ),
  'objects.renamed': at('infra/objects/disk-objects.ts', 'The object is there: writing it again finds it.'),
} as const;
