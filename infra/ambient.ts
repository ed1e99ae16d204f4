/** Time and randomness of this machine, behind their ports. */
import { v7 as uuidV7 } from 'uuid';
import type { Clock, Ids } from '@daybook/kernel/ports/outside.ts';

/** Wall time. */
export const systemClock: Clock = { now: () => new Date().toISOString() };

/** Time-ordered uuids (RFC 9562, version 7). */
export const systemIds: Ids = { next: () => uuidV7() };
