import { at } from './failpoint-place.ts';

/** What is parked, retried and skipped. */
export const parkingFailpoints = {
  'timers.parking': at(
    'infra/runtime/timers.ts',
    'A timer that cannot be handled is still due: it is tried again and parked then.',
  ),
  'timers.parked': at('infra/runtime/timers.ts', 'The timer is parked and nobody was told.'),
  'parking.acting': at(
    'infra/parking/parked-acts.ts',
    'What was decided is recorded and not done: whoever is to do it does it then.',
  ),
  'parking.acted': at(
    'infra/parking/parked-acts.ts',
    'What was decided is done and nobody knows: a repeat finds nothing parked and does nothing.',
  ),
  'relay.blocking': at(
    'infra/relay/relay-block.ts',
    'The relay stands before an event and does not show it: it comes upon the event again, and shows it then.',
  ),
  'relay.blocked': at(
    'infra/relay/relay-block.ts',
    'The event is shown among what is parked; another relay comes upon it again.',
  ),
} as const;
