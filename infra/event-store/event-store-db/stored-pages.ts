import type { Readable } from 'node:stream';
import {
  StreamNotFoundError,
  type AllStreamSubscription,
  type ResolvedEvent,
  type StreamingRead,
} from '@eventstore/db-client';
import type { RecordedEvent } from '@daybook/kernel/event.ts';
import type { Pages } from '@daybook/kernel/ports/event-store.ts';
import { noAnswer, translateStoreError } from './errors.ts';
import { toRecorded } from './recorded.ts';

export type StoredPagesOptions = Readonly<{
  /** Begins the read. Called once. */
  open: () => StreamingRead<ResolvedEvent> | AllStreamSubscription;
  pageSize: number;
  /** Most events. */
  limit: number;
  /** Which events count. */
  wanted: (event: Readonly<{ type: string; streamId: string; position?: unknown }>) => boolean;
  /** Longest wait for the next event; none for a subscription, which waits for what comes. */
  answerLimitMs?: number;
  /** Of a subscription: what looks after it whenever nothing came for so long. What it throws ends the subscription. */
  whileQuiet?: Readonly<{ everyMs: number; look: () => Promise<void> }>;
  signal?: AbortSignal;
}>;

/**
 * A read or a subscription as pages: each holds what had come when it was asked for, `pageSize` at most, and of a read
 * exactly that where there is so much. Nothing is taken from the connection beyond the driver's buffer while the caller
 * does not ask.
 */
export async function* storedPages(options: StoredPagesOptions): Pages {
  const { limit, pageSize, signal } = options;
  const over = (): boolean => signal?.aborted === true;
  if (limit <= 0 || over()) return;
  const source = listenTo(options.open(), options);
  let left = limit;
  try {
    while (left > 0) {
      const page = await nextPage(source, Math.min(pageSize, left), options);
      if (over() || page.length === 0) return;
      left -= page.length;
      yield page;
    }
  } finally {
    await source.close();
  }
}

/** A read waits until the page is full or the read is over, a subscription until there is something. */
async function nextPage(
  source: Source,
  size: number,
  { wanted, answerLimitMs }: StoredPagesOptions,
): Promise<readonly RecordedEvent[]> {
  const page: RecordedEvent[] = [];
  while (page.length < size) {
    const resolved = source.take();
    if (resolved !== undefined) {
      if (resolved.event !== undefined && wanted(resolved.event)) page.push(plain(resolved.event));
    } else if (source.over() || (page.length > 0 && answerLimitMs === undefined)) break;
    else await source.more();
  }
  return page;
}

function plain(event: NonNullable<ResolvedEvent['event']>): RecordedEvent {
  const { appendId: _, ...recorded } = toRecorded(event);
  return recorded;
}

type Source = Readonly<{
  /** What has come, or undefined for now. @throws the translated failure, once what came before it was taken */
  take(): ResolvedEvent | undefined;
  /** Waits until there is something to take, or it is over. @throws `timeout` */
  more(): Promise<void>;
  over(): boolean;
  close(): Promise<void>;
}>;

function listenTo(
  opened: ReturnType<StoredPagesOptions['open']>,
  { answerLimitMs, whileQuiet, signal }: StoredPagesOptions,
): Source {
  const readable = opened as unknown as Readable;
  let failure: unknown;
  let over = false;
  let wake: () => void = () => undefined;
  const end = (error?: unknown): void => {
    // A missing stream is one without events.
    if (!(error instanceof StreamNotFoundError)) failure ??= error;
    over = true;
    wake();
  };
  const onAbort = (): void => {
    end();
  };
  readable.on('readable', () => {
    wake();
  });
  readable.on('end', onAbort);
  readable.on('close', onAbort);
  readable.on('error', end);
  signal?.addEventListener('abort', onAbort, { once: true });
  return {
    take: () => {
      const taken = readable.read() as ResolvedEvent | null;
      if (taken !== null) return taken;
      if (over && failure !== undefined && signal?.aborted !== true) throw translateStoreError(failure);
      return undefined;
    },
    more: async () => {
      if (readable.readableLength > 0 || over) return;
      const limitMs = answerLimitMs ?? whileQuiet?.everyMs;
      let timer: NodeJS.Timeout | undefined;
      const heard = await new Promise<boolean>((resolve) => {
        wake = () => {
          resolve(true);
        };
        if (limitMs !== undefined) timer = setTimeout(resolve, limitMs, false);
      });
      clearTimeout(timer);
      if (heard) return;
      if (whileQuiet === undefined) {
        end(noAnswer());
        return;
      }
      // Whatever comes meanwhile ends the wait, not the look.
      await new Promise<void>((resolve) => {
        wake = resolve;
        void whileQuiet.look().catch(end).finally(resolve);
      });
    },
    over: () => over,
    close: async () => {
      signal?.removeEventListener('abort', onAbort);
      // What fails from here on is of no interest any more, and must not end the process.
      readable.on('error', () => undefined);
      if (!readable.readableEnded) await cancelled(opened).catch(() => undefined);
      // What the server ended already is over for the driver, which waits for that when it closes, once it is read.
      wake = () => {
        while (readable.read() !== null);
      };
      wake();
    },
  };
}

/** Ends a read at the server. */
function cancelled(opened: ReturnType<StoredPagesOptions['open']>): Promise<void> {
  return 'unsubscribe' in opened ? opened.unsubscribe() : opened.cancel();
}
