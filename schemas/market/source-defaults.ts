import type { Source } from '../types/types.generated.ts';

/** Kinds of shop that ask not to be read by programs: off until a tenant turns them on. */
export const sourcesOffAtFirst: ReadonlySet<Source> = new Set(['amazon', 'ebay']);
