import {
  AccessDeniedError,
  CancelledError,
  DeadlineExceededError,
  MaxAppendSizeExceededError,
  NotLeaderError,
  StreamDeletedError,
  TimeoutError,
  UnavailableError,
  UnknownError,
} from '@eventstore/db-client';
import { DaybookError, isDaybookError } from '@daybook/kernel/errors.ts';

type Translation = Readonly<{ of: readonly Kind[]; error: (cause: Error) => Error }>;

// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Kind = abstract new (...of: any[]) => Error;

const later = 'later' as const;

/** What the driver throws, and what it means to callers of the port. */
const translations: readonly Translation[] = [
  {
    of: [UnavailableError, CancelledError],
    error: (cause) => unreachable(cause),
  },
  {
    of: [NotLeaderError],
    error: (cause) =>
      new DaybookError('unavailable', 'EventStoreDB has another leader; the connection moves there.', {
        retry: 'now',
        cause,
      }),
  },
  {
    of: [DeadlineExceededError, TimeoutError],
    error: (cause) => noAnswer(cause),
  },
  {
    of: [AccessDeniedError],
    error: (cause) =>
      new DaybookError(
        'unavailable',
        'EventStoreDB refuses the credentials of EVENTSTORE_URL, or they may not do this.',
        { retry: later, cause },
      ),
  },
  {
    of: [StreamDeletedError],
    error: (cause) =>
      new DaybookError('log-mismatch', 'A stream was deleted in EventStoreDB; Daybook never deletes any.', {
        cause,
      }),
  },
];

/** What a driver's error means. Anything unknown is `unavailable`: the store did not do what it was asked. */
export function translateStoreError(error: unknown): Error {
  if (isDaybookError(error) || error instanceof TypeError) return error;
  // Of a cluster none of whose nodes says who leads the driver has no error of its own.
  if (error instanceof Error && error.message.startsWith('Failed to discover')) return unreachable(error);
  const excess = excessOf(error);
  if (excess !== undefined) return new TypeError(`EventStoreDB takes ${excess.most}.`, { cause: error });
  const known = translations.find(({ of }) => of.some((kind) => error instanceof kind));
  if (known !== undefined) return known.error(error as Error);
  return new DaybookError('unavailable', 'EventStoreDB answered with a failure.', {
    retry: later,
    cause: error,
  });
}

function unreachable(cause: Error): DaybookError {
  return new DaybookError('unavailable', 'EventStoreDB cannot be reached.', { retry: later, cause });
}

/** What the server takes at most, in words, and its setting that says so, where it is one. */
export type Excess = Readonly<{ most: string; setting?: string }>;

/** By how much an append was too large, of the driver's error; undefined for other errors. */
export function excessOf(error: unknown): Excess | undefined {
  if (error instanceof MaxAppendSizeExceededError) {
    return { most: `at most ${String(error.maxAppendSize)} bytes in one append`, setting: 'MaxAppendSize' };
  }
  if (!(error instanceof UnknownError)) return undefined;
  // The driver knows nothing of the two limits of one event.
  const { code, details, metadata } = error._raw ?? {};
  const [most] = metadata?.get('maximum-append-event-size') ?? [];
  if (most !== undefined) {
    return { most: `at most ${String(most)} bytes in one event`, setting: 'MaxAppendEventSize' };
  }
  const isMessage =
    Number(code) === resourceExhausted && /message (exceeds|larger than)/i.test(details ?? '');
  return isMessage ? { most: 'no event of this size: one record has at most 16 MiB' } : undefined;
}

/** No answer came: what was asked may or may not have been done. */
export function noAnswer(cause?: unknown): DaybookError {
  return new DaybookError('timeout', 'EventStoreDB did not answer in time.', {
    retry: later,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Whether the log has no event at the position that was asked for, neither there nor cut through. */
export function isInvalidPosition(error: unknown): boolean {
  return (
    isDaybookError(error) &&
    error.cause instanceof UnknownError &&
    Number(error.cause.code) === invalidArgument
  );
}

/** Codes of gRPC. https://grpc.io/docs/guides/status-codes/ */
const invalidArgument = 3;
const resourceExhausted = 8;
