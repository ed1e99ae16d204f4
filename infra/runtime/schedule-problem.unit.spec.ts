import { expect, test } from '@jest/globals';
import { scheduleProblem } from './schedule-problem.ts';

test.each([
  ['0 6 * * *', 'UTC', null],
  ['*/15 8-18 * * MON-FRI', 'America/Argentina/Buenos_Aires', null],
  ['0 0 29 2 *', 'Europe/Berlin', null],
  ['0 0 30 2 *', 'Europe/Berlin', 'cron'],
  ['0 6 * *', 'UTC', 'cron'],
  ['0 0 6 * * *', 'UTC', 'cron'],
  ['every day', 'UTC', 'cron'],
  ['', 'UTC', 'cron'],
  ['61 6 * * *', 'UTC', 'cron'],
  ['0 6 * * *', 'Mars/Olympus', 'timeZone'],
  ['0 6 * * *', '+02:00', 'timeZone'],
  ['0 6 * * *', '', 'timeZone'],
])('%j in %j: %j', (cron, timeZone, field) => {
  expect(scheduleProblem({ cron, timeZone })?.field ?? null).toBe(field);
});
