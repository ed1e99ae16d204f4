import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import { keepAlive, withoutSettings, type Database } from './database.ts';

/** A subscription to one channel. Signals that arrive while nobody waits are kept as one. */
export type Wakeup = Readonly<{
  /** Resolves on a signal since the last call, after `timeoutMs`, or on abort. Never rejects. */
  next(timeoutMs: number, signal?: AbortSignal): Promise<void>;
  close(): void;
}>;

/** Hints that something is there to fetch. Best effort: whoever waits also polls, at its own interval. */
export type Wakeups = Readonly<{
  notify(channel: string): void;
  subscribe(channel: string): Wakeup;
  /** Idempotent. */
  close(): Promise<void>;
}>;

/** Wake-ups within one process. */
export function memoryWakeups(): Wakeups {
  const channels = new Map<string, Set<() => void>>();
  return {
    notify: (channel) => {
      channels.get(channel)?.forEach((signal) => {
        signal();
      });
    },
    subscribe: (channel) => {
      const { wakeup, signal } = makeWakeup(() => {
        const subscribers = channels.get(channel);
        subscribers?.delete(signal);
        if (subscribers?.size === 0) channels.delete(channel);
      });
      const subscribers = channels.get(channel) ?? new Set();
      channels.set(channel, subscribers.add(signal));
      return wakeup;
    },
    close: () => Promise.resolve(),
  };
}

function makeWakeup(onClose: () => void): { wakeup: Wakeup; signal: () => void } {
  let pending = false;
  let resume: (() => void) | undefined;
  const signal = (): void => {
    if (resume === undefined) pending = true;
    else resume();
  };
  const wakeup: Wakeup = {
    next: (timeoutMs, abort) =>
      new Promise((resolve) => {
        if (pending || abort?.aborted === true) {
          pending = false;
          resolve();
          return;
        }
        const finish = (): void => {
          clearTimeout(timer);
          abort?.removeEventListener('abort', finish);
          resume = undefined;
          resolve();
        };
        const timer = setTimeout(finish, timeoutMs);
        abort?.addEventListener('abort', finish, { once: true });
        resume = finish;
      }),
    close: () => {
      onClose();
      resume?.();
    },
  };
  return { wakeup, signal };
}

/** PostgreSQL's notification channel for all of ours; the payload names the channel. */
const postgresChannel = 'daybook';

/**
 * Least time from one notification to the next: the first goes out at once, those that follow it go together. One after
 * each append of a single caller took a third of the time of the process that appends, and as much of the server's.
 */
const spacingMs = 1;

/** Pause before the listening connection is opened again. */
const reconnectMs = 500;

/** Without an answer for so long the connection is given up. */
const answerMs = 5_000;

/** How long a goodbye may take. */
const goodbyeMs = 1_000;

/**
 * Wake-ups over LISTEN/NOTIFY, and directly within the process. Notifications go out coalesced: one statement carries
 * every channel signalled since the last, on a connection of its own and outside of any transaction, since `notify`
 * inside an append takes a global lock at commit.
 */
export function postgresWakeups(database: Database, log: Log): Wakeups {
  const local = memoryWakeups();
  const outgoing = new Set<string>();
  const sender = crypto.randomUUID().slice(0, 8);
  let client: pg.Client | undefined;
  /** Gives up the connection that stands or is being opened. */
  let leave: () => void = () => undefined;
  let closed = false;
  let sending: Promise<void> | undefined;
  let retry: NodeJS.Timeout | undefined;
  let listening = listen();

  async function listen(): Promise<void> {
    const own = new pg.Client({
      connectionString: withoutSettings(database.url).url,
      application_name: 'daybook wakeups',
      ...keepAlive,
      connectionTimeoutMillis: answerMs,
      query_timeout: answerMs,
    });
    own.on('notification', ({ payload = '' }) => {
      const [from, ...channels] = payload.split(' ');
      if (from !== sender) channels.forEach(local.notify);
    });
    let lost = false;
    const onLoss = (): void => {
      if (lost) return;
      lost = true;
      if (client === own) client = undefined;
      void goodbye(own);
      if (closed) return;
      log.debug('The wake-up connection ended and is opened again.');
      retry = setTimeout(() => {
        listening = listen();
      }, reconnectMs);
    };
    leave = onLoss;
    own.on('error', onLoss);
    own.on('end', onLoss);
    try {
      await own.connect();
      await own.query(`listen ${postgresChannel}`);
      client = own;
    } catch {
      onLoss();
    }
  }

  async function send(): Promise<void> {
    while (outgoing.size > 0) {
      const channels = [...outgoing].slice(0, 100);
      channels.forEach((channel) => outgoing.delete(channel));
      try {
        await client?.query({
          name: 'wakeups.notify',
          text: 'select pg_notify($1, $2)',
          values: [postgresChannel, [sender, ...channels].join(' ')],
        });
      } catch {
        // Lost: the pollers see it at their next turn.
        leave();
      }
      if (!closed) await pause(spacingMs);
    }
    sending = undefined;
  }

  return {
    notify: (channel) => {
      local.notify(channel);
      if (closed) return;
      outgoing.add(channel);
      sending ??= Promise.resolve().then(send);
    },
    subscribe: local.subscribe,
    close: async () => {
      if (closed) return;
      closed = true;
      clearTimeout(retry);
      const ended = (async () => {
        await listening;
        await sending;
      })();
      await Promise.race([ended, pause(goodbyeMs, undefined, { ref: false })]);
      const own = client;
      if (own === undefined) leave();
      else await goodbye(own);
    },
  };
}

/** Ends a connection, by force where the server does not answer. */
async function goodbye(client: pg.Client): Promise<void> {
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
  const timer = setTimeout(() => stream.destroy(), goodbyeMs);
  await client.end().catch(() => undefined);
  clearTimeout(timer);
}
