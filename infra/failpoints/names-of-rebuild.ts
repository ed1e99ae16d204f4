import { at } from './failpoint-place.ts';

/** What rebuilds read models. */
export const rebuildFailpoints = {
  'rebuild.making': at('infra/runtime/read-models.ts', 'No table was made: the rebuild begins anew.', 'K12'),
  'rebuild.made': at(
    'infra/runtime/read-models.ts',
    'An empty table stands beside those that serve: the next rebuild goes on with it.',
    'K12',
  ),
  'rebuild.dropping': at(
    'infra/runtime/rebuild/drop-builds.ts',
    'Tables that nobody needs are still there: the next rebuild drops them.',
    'K12',
  ),
  'rebuild.dropped': at(
    'infra/runtime/rebuild/drop-builds.ts',
    'The tables are gone, the group of a version that is gone may be left: the next rebuild removes it.',
    'K12',
  ),
  'fold.parking': at(
    'infra/runtime/rebuild/park-refused.ts',
    'Tenants are held back and their events not set aside: the next start folds and sets aside again.',
  ),
  'fold.parked': at(
    'infra/runtime/rebuild/park-refused.ts',
    'The events are set aside and nobody follows the topic yet: the next start passes over them.',
  ),
} as const;
