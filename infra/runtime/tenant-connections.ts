import type { Socket } from 'node:net';
import type pg from 'pg';
import { translateDatabaseError } from '../database/database.ts';
import { tenantSetting } from './read-models.ts';

export type Statement = Readonly<{ text: string; values: readonly unknown[] }>;

/** Runs a statement as one tenant; rows are lists of values in the order of the columns. @throws `unavailable` · `timeout` */
export type RunStatement = (tenantId: string, statement: Statement) => Promise<pg.QueryArrayResult>;

/** A connection on which statements follow each other without waiting for answers. */
type Lane = {
  readonly client: pg.PoolClient;
  /** Whose rows the statements sent from here on see. */
  tenantId: string | null;
  /** The change to that tenant: nothing sent after it counts unless it went well. */
  switched: Promise<unknown>;
  underWay: number;
  /** When an answer last came, or the first statement went out. */
  progressAt: number;
  corked: boolean;
  retired: boolean;
  released: boolean;
};

/** Lanes used while none of them is held up: few, so that statements of one moment share a write and a wake-up. */
const usualLanes = 3;

/** A lane without an answer for so long is taken to be held up by a slow statement. */
const heldUpMs = 10;

/** A lane without an answer for so long is taken to be dead where no other connection can be had. */
const silentMs = 1_000;

/** Statements that may stand behind a slow one. */
const mostUnderWay = 32;

/**
 * Runs statements on pipelined connections of a pool whose setting names the tenant. The setting stays with the
 * connection, so that one that goes on with the same tenant costs nothing more. Statements are prepared once a
 * connection: planning one costs the server more than running it.
 *
 * Under 128 callers it answered about 1.6 times what ten plain connections did (`test/load/p17.ts`).
 */
export function tenantConnections(pool: pg.Pool): Readonly<{ run: RunStatement; close(): void }> {
  const lanes: Lane[] = [];
  const nameOf = statementNames();
  /** Connections that are asked of the pool, until they are here. */
  const opening = new Set<Promise<Lane>>();

  /** The least busy of the lanes that are not held up. Where there are too few, another one. */
  async function laneForNext(): Promise<Lane> {
    let failure: Error | undefined;
    for (;;) {
      const late = performance.now() - heldUpMs;
      const flowing = lanes.filter((lane) => lane.underWay === 0 || lane.progressAt >= late);
      // Where no connection can be had either, waiting once more would only make the queue longer.
      if (failure !== undefined && flowing.length === 0) {
        const slow = lanes.filter((lane) => lane.progressAt >= performance.now() - silentMs);
        const behind = leastBusy(slow);
        if (behind === null) throw failure;
        return behind;
      }
      const best = leastBusy(flowing);
      if (needsAnother(flowing.length, best)) return open();
      if (best !== null) return best;
      if (opening.size === 0) return leastBusy(lanes) ?? open();
      await Promise.race(opening).catch((error: unknown) => {
        failure = error as Error;
      });
    }
  }

  function needsAnother(flowing: number, best: Lane | null): boolean {
    if (lanes.length + opening.size >= pool.options.max || best?.underWay === 0) return false;
    const few = flowing + opening.size < usualLanes;
    const crowded = best === null || best.underWay >= mostUnderWay;
    return few || (crowded && opening.size === 0);
  }

  function open(): Promise<Lane> {
    // Out of the set before anybody hears of it: who waits for the next one never waits for one that is over.
    const lane = connected().finally(() => opening.delete(lane));
    opening.add(lane);
    // Told to whoever opens and to whoever waits, if anybody does.
    lane.catch(() => undefined);
    return lane;
  }

  async function connected(): Promise<Lane> {
    const client = await pool.connect().catch(translated);
    const lane: Lane = {
      client,
      tenantId: null,
      switched: Promise.resolve(),
      underWay: 0,
      progressAt: 0,
      corked: false,
      retired: false,
      released: false,
    };
    client.on('error', () => {
      retire(lane);
    });
    lanes.push(lane);
    return lane;
  }

  /** Sends nothing more on a lane, and gives it up once its last answer is here. */
  function retire(lane: Lane): void {
    if (lane.retired) return;
    lane.retired = true;
    lanes.splice(lanes.indexOf(lane), 1);
    if (lane.underWay === 0) release(lane);
  }

  async function send(
    lane: Lane,
    tenantId: string,
    { text, values }: Statement,
  ): Promise<pg.QueryArrayResult> {
    if (lane.underWay === 0) lane.progressAt = performance.now();
    lane.underWay += 1;
    try {
      writeTogether(lane);
      if (lane.tenantId !== tenantId) switchTo(lane, tenantId);
      const { switched } = lane;
      const name = nameOf(text);
      const answer = lane.client.query({
        ...(name === undefined ? {} : { name }),
        text,
        values: values as unknown[],
        rowMode: 'array',
      });
      const [result] = await Promise.all([answer, switched]);
      return result;
    } catch (error) {
      const failure = translateDatabaseError(error);
      // A connection that failed for another reason than the statement's own is not used again.
      if (!isRefusal(failure) || isOutdatedPlan(failure)) retire(lane);
      throw failure;
    } finally {
      lane.underWay -= 1;
      lane.progressAt = performance.now();
      if (lane.retired && lane.underWay === 0) release(lane);
    }
  }

  function switchTo(lane: Lane, tenantId: string): void {
    lane.tenantId = tenantId;
    lane.switched = lane.client.query({
      name: 'tenant',
      text: `select set_config('${tenantSetting}', $1, false)`,
      values: [tenantId],
    });
    // Statements after it would see the tenant before: each of them fails with it.
    lane.switched.catch(() => {
      retire(lane);
    });
  }

  return {
    run: async (tenantId, statement) => {
      for (;;) {
        try {
          return await send(await laneForNext(), tenantId, statement);
        } catch (error) {
          // The view shows another version: each connection that prepared the statement before it is replaced.
          if (!isOutdatedPlan(error)) throw error;
        }
      }
    },
    close: () => {
      for (const lane of [...lanes]) retire(lane);
    },
  };
}

function release(lane: Lane): void {
  if (lane.released) return;
  lane.released = true;
  lane.client.release(true);
}

function leastBusy(lanes: readonly Lane[]): Lane | null {
  let best: Lane | null = null;
  for (const lane of lanes) if (best === null || lane.underWay < best.underWay) best = lane;
  return best;
}

function translated(error: unknown): never {
  throw translateDatabaseError(error);
}

/** Statements of one turn of the event loop go out in one write. */
function writeTogether(lane: Lane): void {
  if (lane.corked) return;
  const { stream } = (lane.client as unknown as { connection: { stream: Socket } }).connection;
  lane.corked = true;
  stream.cork();
  setImmediate(() => {
    lane.corked = false;
    stream.uncork();
  });
}

const mostPrepared = 500;

/** A name for each text of a statement; none for more texts than a connection should hold plans. */
function statementNames(): (text: string) => string | undefined {
  const names = new Map<string, string>();
  return (text) => {
    let name = names.get(text);
    if (name === undefined && names.size < mostPrepared) {
      name = `query ${String(names.size)}`;
      names.set(text, name);
    }
    return name;
  };
}

/** https://www.postgresql.org/docs/current/errcodes-appendix.html: what a plan meets whose columns have changed. */
function isOutdatedPlan(error: unknown): boolean {
  return (
    (error as { fields?: { sqlState?: unknown } }).fields?.sqlState === '0A000' &&
    (error as { cause?: { message?: string } }).cause?.message === 'cached plan must not change result type'
  );
}

function isRefusal(error: unknown): boolean {
  return typeof (error as { fields?: { sqlState?: unknown } }).fields?.sqlState === 'string';
}
