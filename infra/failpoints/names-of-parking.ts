import { at } from './failpoint-place.ts';

/** What is parked, retried and skipped. */
export const parkingFailpoints = {
  'timers.parking': at(
    'infra/runtime/timers.ts',
    'A timer that cannot be handled is still due: it is tried again and parked then.',
  ),
  'timers.parked': at('infra/runtime/timers.ts', 'The timer is parked and nobody was told.'),
} as const;
