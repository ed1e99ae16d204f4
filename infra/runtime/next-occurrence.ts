import { createHash } from 'node:crypto';
import { Cron } from 'croner';
import type { WakeTime } from '@daybook/kernel/process.ts';

/** Minute, hour, day of month, month, day of week. */
export type CronTime = Extract<WakeTime, { cron: string }>;

/** Schedules are few and asked for often; parsing one takes longer than using it. */
const parsed = new Map<string, Cron>();
const mostParsed = 1_000;

function cronOf(cron: string, timeZone: string): Cron {
  const key = `${timeZone} ${cron}`;
  let schedule = parsed.get(key);
  if (schedule === undefined) {
    schedule = new Cron(cron, { timezone: timeZone, paused: true, mode: '5-part' });
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
    const next = cronOf(cron, timeZone).nextRun(new Date(Date.parse(after) - shiftMs));
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
