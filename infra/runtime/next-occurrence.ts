import { createHash } from 'node:crypto';
import { Cron } from 'croner';
import type { WakeTime } from '@daybook/kernel/process.ts';

/** Minute, hour, day of month, month, day of week. */
export type CronTime = Extract<WakeTime, { cron: string }>;

/** A schedule, and the span of time whose next occurrence is known: from `since` until that occurrence itself. */
type Parsed = { readonly cron: Cron; since: number; next: Date | null };

/** Schedules are few and asked for often; parsing one takes longer than using it, and using it longer than this. */
const parsed = new Map<string, Parsed>();
const mostParsed = 1_000;

function nextRun(cron: string, timeZone: string, after: number): Date | null {
  const schedule = cronOf(cron, timeZone);
  const known = schedule.next !== null && after >= schedule.since && after < schedule.next.getTime();
  if (!known) {
    schedule.next = schedule.cron.nextRun(new Date(after));
    schedule.since = after;
  }
  return schedule.next;
}

function cronOf(cron: string, timeZone: string): Parsed {
  const key = `${timeZone} ${cron}`;
  let schedule = parsed.get(key);
  if (schedule === undefined) {
    schedule = {
      cron: new Cron(cron, { timezone: timeZone, paused: true, mode: '5-part' }),
      since: 0,
      next: null,
    };
    if (parsed.size >= mostParsed) parsed.clear();
    parsed.set(key, schedule);
  }
  return schedule;
}

/**
 * The next time of a schedule after an instant, shifted by the instance's share of the spread; null where the schedule
 * has none. A time that a change of clocks skips comes at the first moment after the gap; one that it repeats comes once.
 * @param after ISO 8601
 * @param instanceId decides the shift: 0 … `spreadMs` - 1 milliseconds, the same for ever
 * @returns ISO 8601, UTC, later than `after`
 * @throws RangeError for a cron expression or a time zone that is none
 */
export function nextOccurrence(
  { cron, timeZone, spreadMs }: Omit<CronTime, 'kind'>,
  instanceId: string,
  after: string,
): string | null {
  const shiftMs = spreadOf(instanceId, spreadMs);
  try {
    const next = nextRun(cron, timeZone, Date.parse(after) - shiftMs);
    return next === null ? null : new Date(next.getTime() + shiftMs).toISOString();
  } catch (cause) {
    throw new RangeError('No such schedule.', { cause });
  }
}

/** An instance's share of a spread, in milliseconds. */
export function spreadOf(instanceId: string, spreadMs: number): number {
  if (spreadMs <= 1) return 0;
  return createHash('sha256').update(instanceId).digest().readUInt32BE(0) % Math.floor(spreadMs);
}
