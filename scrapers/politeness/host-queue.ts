import { coalesced } from '@daybook/infra/database/coalesced.ts';
import { translateDatabaseError, type Database } from '@daybook/infra/database/database.ts';
import { removeRows } from '@daybook/infra/database/portions.ts';
import { failpoint } from '@daybook/infra/failpoints/failpoint.ts';
import type { TopicMessage } from '@daybook/kernel/process.ts';
import type { ScrapeRequested } from '@daybook/schemas/market/events.generated.ts';
import type { ExtractionMethod } from '@daybook/schemas/types/types.generated.ts';
import { recalled, type HostMemory } from './host-memory.ts';

/** A request for a page, as its message has it. */
export type ScrapeRequest = TopicMessage<'ScrapeRequested', ScrapeRequested>;

/** A request whose turn it is. */
export type DueRequest = Readonly<{
  message: ScrapeRequest;
  /** Earlier attempts that got no answer. */
  attempts: number;
  /** How this product's last price was found; null before the first. */
  method: ExtractionMethod | null;
}>;

/** A host that is leased to this worker, with its next requests in order. */
export type Turn = Readonly<{
  host: string;
  memory: HostMemory;
  /** Failures in a row. */
  failures: number;
  requests: readonly DueRequest[];
}>;

/** What became of requests, and of the host where it is given back. */
export type Settlement = Readonly<{
  finished: readonly string[];
  /** Put back for another attempt. */
  again: readonly string[];
  /** Methods by product that have changed. */
  learned: readonly Readonly<{ productId: string; method: ExtractionMethod }>[];
  /** Gives the host back: nobody fetches from it for `pauseMs`. */
  release?: Readonly<{ host: string; pauseMs: number; failures: number; memory: HostMemory }>;
}>;

/**
 * The pages to fetch by host, in PostgreSQL: whichever worker or process asks, one host is with one worker at a time, in
 * order of arrival, and not before its pause is over. Time is the database's.
 */
export type HostQueue = Readonly<{
  /** Takes requests in, each once by its id. */
  enqueue(requests: readonly Readonly<{ host: string; message: ScrapeRequest }>[]): Promise<void>;
  /** Leases up to `slots` hosts. A lease lasts `leaseMs` unless it is kept by `keepLeases`. */
  claim(slots: number): Promise<readonly Turn[]>;
  /** Resolves once it is durable. Settlements of the same time travel together. */
  settle(settlement: Settlement): Promise<void>;
  /** Prolongs the leases of hosts this worker holds. */
  keepLeases(hosts: readonly string[]): Promise<void>;
  /** Milliseconds until a host may be due; null where nothing waits. */
  nextDueMs(): Promise<number | null>;
  /** Forgets requests that were finished more than a day ago. */
  purge(signal?: AbortSignal): Promise<void>;
}>;

/** A worker that dies leaves its hosts to others after this. */
export const leaseMs = 10_000;
/** Most requests of one host handed out at once: what a worker may have to fetch again after it died. */
const perHost = 16;

/** @param worker a uuid of this worker's own. All calls throw `unavailable` or `timeout`. */
export function hostQueue({ pool }: Pick<Database, 'pool'>, worker: string): HostQueue {
  const query = async <Row extends Record<string, unknown>>(
    name: string,
    text: string,
    values: unknown[],
  ): Promise<Row[]> => {
    try {
      return (await pool.query<Row>({ name, text, values })).rows;
    } catch (error) {
      throw translateDatabaseError(error);
    }
  };

  const settleAll = async (all: readonly Settlement[]): Promise<undefined[]> => {
    const released = all.flatMap(({ release }) => release ?? []);
    const learned = all.flatMap((one) => one.learned);
    await failpoint('scraper.settling');
    await query('scraping-settle', 'select scraping.settle($1, $2, $3, $4, $5, $6, $7, $8, $9)', [
      worker,
      all.flatMap(({ finished }) => finished),
      all.flatMap(({ again }) => again),
      released.map(({ host }) => host),
      released.map(({ pauseMs }) => Math.ceil(pauseMs)),
      released.map(({ failures }) => failures),
      released.map(({ memory }) => JSON.stringify(memory)),
      learned.map(({ productId }) => productId),
      learned.map(({ method }) => method),
    ]);
    await failpoint('scraper.settled');
    return all.map(() => undefined);
  };

  return {
    enqueue: async (requests) => {
      await failpoint('scraper.queueing');
      await query('scraping-enqueue', 'select scraping.enqueue($1, $2, $3)', [
        requests.map(({ message }) => message.data.requestId),
        requests.map(({ host }) => host),
        requests.map(({ message }) => JSON.stringify(message)),
      ]);
      await failpoint('scraper.queued');
    },
    claim: async (slots) => {
      type Row = { host: string; memory: Partial<HostMemory>; failures: number; requests: DueRequest[] };
      await failpoint('scraper.claiming');
      const rows = await query<Row>('scraping-claim', 'select * from scraping.claim($1, $2, $3, $4)', [
        worker,
        slots,
        perHost,
        leaseMs,
      ]);
      if (rows.length > 0) await failpoint('scraper.claimed');
      return rows.map((row) => ({ ...row, memory: recalled(row.memory) }));
    },
    settle: coalesced(settleAll),
    keepLeases: async (hosts) => {
      await failpoint('scraper.keeping');
      await query(
        'scraping-keep',
        `update scraping.hosts set leased_until = now() + $2 * interval '1 millisecond'
          where worker = $1 and host = any ($3)`,
        [worker, leaseMs, hosts],
      );
      await failpoint('scraper.kept');
    },
    nextDueMs: async () => {
      const [row] = await query<{ ms: number | null }>(
        'scraping-next',
        `select (extract(epoch from min(greatest(next_at, leased_until)) - now()) * 1000)::float8 as ms
           from scraping.hosts where waiting`,
        [],
      );
      return row?.ms ?? null;
    },
    purge: async (signal) => {
      await failpoint('scraper.purging');
      const where = `finished_at < now() - interval '1 day'`;
      await removeRows(pool, { table: 'scraping.requests', where }, signal);
      await failpoint('scraper.purged');
    },
  };
}
