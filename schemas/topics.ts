/** The topics: what travels on each, by which key, and how long it is kept there. */

export const eventsTopic = 'daybook.events.v1';
export const scrapeRequestsTopic = 'daybook.scrape-requests.v1';
export const priceObservationsTopic = 'daybook.price-observations.v1';

export type TopicContract = Readonly<{
  name: string;
  doc: string;
  /** What the key of a message is; messages of one key stay in order. */
  key: string;
  /** Fixed when the topic is created. */
  partitions: number;
  /** Messages may be removed when older; nothing on a topic is the only copy. */
  retentionMs?: number;
  /** Types of its messages; `events` for every event of every capability. */
  messages: readonly string[] | 'events';
}>;

const dayMs = 24 * 60 * 60 * 1000;

export const topicContracts: readonly TopicContract[] = [
  {
    name: eventsTopic,
    doc: 'Every recorded event, in the order of the log for each tenant.',
    key: 'tenant id',
    partitions: 8,
    retentionMs: 7 * dayMs,
    messages: 'events',
  },
  {
    name: scrapeRequestsTopic,
    doc: 'Pages to fetch, in order for each tenant and host. The pace of a host is kept by its lease.',
    key: 'tenant id, a blank, host of the URL',
    partitions: 8,
    retentionMs: dayMs,
    messages: ['ScrapeRequested'],
  },
  {
    name: priceObservationsTopic,
    doc: 'What scrapers saw, in order for each tenant.',
    key: 'tenant id',
    partitions: 8,
    retentionMs: 7 * dayMs,
    messages: ['PriceObservation'],
  },
];
