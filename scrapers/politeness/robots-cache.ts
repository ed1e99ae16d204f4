import { translateDatabaseError, type Database } from '@daybook/infra/database/database.ts';
import { failpoint } from '@daybook/infra/failpoints/failpoint.ts';
import { isDaybookError } from '@daybook/kernel/errors.ts';
import type { OutboundHttp } from '@daybook/kernel/ports/outside.ts';
import {
  isUnreachable,
  robotsLifeMs,
  robotsMaxBytes,
  robotsRules,
  type RobotsAnswer,
  type RobotsRules,
} from './robots.ts';

/** Rules held in memory; the oldest go first. */
const mostRemembered = 2_000;
const timeoutMs = 10_000;

export type RobotsCache = Readonly<{
  /** The rules for a URL's origin: from memory, the database, or the host, whichever has them first. @throws `unavailable` */
  rulesFor(url: URL): Promise<RobotsRules>;
}>;

type Kept = Readonly<{ rules: Promise<RobotsRules>; until: number }>;

/**
 * Keeps robots.txt by origin, in the process and, for all processes, in the database. A host that cannot be reached keeps
 * the rules it had (RFC 9309 2.4 allows a cached copy then).
 */
export function robotsCache(options: {
  database: Pick<Database, 'pool'>;
  outbound: OutboundHttp;
  userAgent: string;
}): RobotsCache {
  const { database, outbound, userAgent } = options;
  const product = userAgent.split(/[/\s]/)[0] ?? userAgent;
  const kept = new Map<string, Kept>();

  async function load(origin: string): Promise<{ rules: RobotsRules; lifeMs: number }> {
    const stored = await find(database, origin);
    if (stored !== null && stored.lifeMs > 0) {
      return { rules: robotsRules(origin, stored.answer, product), lifeMs: stored.lifeMs };
    }
    const fresh = await ask(outbound, origin, userAgent);
    const answer =
      isUnreachable(fresh.status) && stored !== null && !isUnreachable(stored.answer.status)
        ? stored.answer
        : fresh;
    const lifeMs = robotsLifeMs(fresh);
    await failpoint('robots.keeping');
    await store(database, origin, answer, lifeMs);
    await failpoint('robots.kept');
    return { rules: robotsRules(origin, answer, product), lifeMs };
  }

  return {
    rulesFor: ({ origin }) => {
      const present = kept.get(origin);
      if (present !== undefined && present.until > performance.now()) return present.rules;
      const loading = load(origin);
      const rules = loading.then((loaded) => loaded.rules);
      kept.delete(origin);
      // Until it is loaded everybody waits for the same answer.
      kept.set(origin, { rules, until: Infinity });
      loading.then(
        ({ lifeMs }) => kept.set(origin, { rules, until: performance.now() + lifeMs }),
        () => kept.delete(origin),
      );
      const [oldest] = kept.keys();
      if (kept.size > mostRemembered && oldest !== undefined) kept.delete(oldest);
      return rules;
    },
  };
}

async function ask(outbound: OutboundHttp, origin: string, userAgent: string): Promise<RobotsAnswer> {
  try {
    const { status, body } = await outbound.fetch({
      url: `${origin}/robots.txt`,
      headers: { 'user-agent': userAgent, accept: 'text/plain, */*;q=0.1' },
      timeoutMs,
      maxBytes: robotsMaxBytes,
    });
    // PostgreSQL's text holds no NUL.
    return { status, body: status < 300 ? Buffer.from(body).toString('utf8').replaceAll('\0', '') : '' };
  } catch (error) {
    // Redirects without end count as no rules, and so does a file no robot can be meant to read.
    if (isDaybookError(error, 'redirect-loop') || isDaybookError(error, 'response-too-large')) {
      return { status: 404, body: '' };
    }
    // The page itself meets the same refusal and says so in its own outcome.
    if (isDaybookError(error, 'address-forbidden')) return { status: 404, body: '' };
    return { status: null, body: '' };
  }
}

async function find(
  { pool }: Pick<Database, 'pool'>,
  origin: string,
): Promise<{ answer: RobotsAnswer; lifeMs: number } | null> {
  try {
    const { rows } = await pool.query<{ status: number | null; body: string; life_ms: number }>({
      name: 'scraping-robots',
      text: `select status, body, (extract(epoch from expires_at - now()) * 1000)::float8 as life_ms
               from scraping.robots where origin = $1`,
      values: [origin],
    });
    const [row] = rows;
    return row === undefined ? null : { answer: { status: row.status, body: row.body }, lifeMs: row.life_ms };
  } catch (error) {
    throw translateDatabaseError(error);
  }
}

async function store(
  { pool }: Pick<Database, 'pool'>,
  origin: string,
  { status, body }: RobotsAnswer,
  lifeMs: number,
): Promise<void> {
  try {
    await pool.query(
      `insert into scraping.robots (origin, status, body, expires_at)
       values ($1, $2, $3, now() + $4 * interval '1 millisecond')
       on conflict (origin) do update
         set status = excluded.status, body = excluded.body, fetched_at = now(), expires_at = excluded.expires_at`,
      [origin, status, body, lifeMs],
    );
  } catch (error) {
    throw translateDatabaseError(error);
  }
}
