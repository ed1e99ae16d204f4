/** The metadata of a stream, as far as the server itself goes by it: it stands in the last event of `$$<stream>`. */
import type { StoredEvent } from './stored-log.ts';

export type StreamMetadata = Readonly<{
  /** First revision that reads yield. */
  truncateBefore: number;
  /** Most events that reads yield: the last ones. */
  maxCount: number;
  /** Longest age of the events that reads yield, in seconds. */
  maxAge: number;
  /** Reads find no stream, until somebody writes to it again. */
  softDeleted: boolean;
}>;

/** Behind every revision: the largest 64-bit integer. The server means a deleted stream by it. */
export const endOfStream = 9_223_372_036_854_775_807n;

/** As text, since no number of JavaScript holds it. */
export const deletion = `{"$tb":${String(endOfStream)}}`;

export function streamMetadata(last: StoredEvent | undefined): StreamMetadata {
  const { $tb = 0, $maxCount = Infinity, $maxAge = Infinity } = rawMetadata(last);
  return {
    truncateBefore: $tb,
    maxCount: $maxCount,
    maxAge: $maxAge,
    softDeleted: $tb >= Number(endOfStream),
  };
}

/** The metadata by which a deleted stream goes on at a revision; whatever else was set stays. */
export function goingOnAt(revision: number, last: StoredEvent | undefined): string {
  return JSON.stringify({ ...rawMetadata(last), $tb: revision });
}

type Raw = Readonly<{ $tb?: number; $maxCount?: number; $maxAge?: number }>;

function rawMetadata(last: StoredEvent | undefined): Raw {
  if (last === undefined) return {};
  try {
    return JSON.parse(Buffer.from(last.data).toString('utf8')) as Raw;
  } catch {
    return {};
  }
}

/** Those of a stream's events that reads yield. */
export function visibleEvents(
  events: readonly StoredEvent[],
  { truncateBefore, maxCount, maxAge }: StreamMetadata,
): readonly StoredEvent[] {
  const first = Math.max(truncateBefore, events.length - maxCount);
  const oldest = Date.now() - maxAge * 1000;
  return events.filter(({ revision, created }) => revision >= first && Number(created / 10_000n) >= oldest);
}
