import { Cron } from 'croner';

/** What is wrong with a schedule, by field; null where nothing is. */
export type ScheduleProblem = Readonly<{ field: 'cron' | 'timeZone'; problem: string }> | null;

/** Five fields exactly: seconds would let a schedule fire too often. */
const mode = '5-part';

/** Checks a schedule: cron expression of five fields that comes due at some time, and an IANA time zone. */
export function scheduleProblem(schedule: Readonly<{ cron: string; timeZone: string }>): ScheduleProblem {
  if (!isTimeZone(schedule.timeZone)) {
    return { field: 'timeZone', problem: 'is not an IANA time zone, such as Europe/Berlin' };
  }
  try {
    const next = new Cron(schedule.cron, { mode, timezone: schedule.timeZone }).nextRun();
    return next === null ? { field: 'cron', problem: 'never comes due' } : null;
  } catch {
    return {
      field: 'cron',
      problem: 'is not a cron expression of five fields: minute, hour, day of month, month, day of week',
    };
  }
}

/** Names found good: asking Intl costs some 50 µs. There are a few hundred. */
const timeZones = new Set<string>();

function isTimeZone(name: string): boolean {
  if (timeZones.has(name)) return true;
  try {
    // Offsets such as +02:00 are accepted by Intl, and know no summer time.
    const known = /^[A-Za-z]/.test(name) && new Intl.DateTimeFormat('en', { timeZone: name }).format() !== '';
    // Intl takes any case of letters: the bound holds against every spelling being tried.
    if (known && timeZones.size < 1_000) timeZones.add(name);
    return known;
  } catch {
    return false;
  }
}
