import type { ExtractionMethod } from '@daybook/schemas/types/types.generated.ts';

/** What was learned about the pages of a host. Counts stop at `enough`, so that a steady host is not written anew. */
export type HostMemory = Readonly<{
  /** Prices found in pages as they were served. */
  plain: number;
  /** Prices found only after scripts ran. */
  browser: number;
  /** Pages that gave no price in a browser either, since the last one that did. */
  misses: number;
  /** How the last price was found. */
  method: ExtractionMethod | null;
}>;

/** After this many of a kind the host is known for it. */
const enough = 3;

export const unknownHost: HostMemory = { plain: 0, browser: 0, misses: 0, method: null };

/** The memory that a stored value holds, whatever of it there is. */
export function recalled(stored: Partial<HostMemory> | null): HostMemory {
  return { ...unknownHost, ...stored };
}

/** Where to look first: a host that never had a price without scripts is opened in a browser at once. */
export function lookFirst(memory: HostMemory): 'plain' | 'browser' {
  return memory.plain === 0 && memory.browser >= enough ? 'browser' : 'plain';
}

/**
 * Whether a page without a price is worth a browser. Once scripts gave a price on the host, always; else until a browser
 * was in vain often enough, and then on every request whose number (its attempts aside) the caller draws as a new trial.
 */
export function worthBrowser(memory: HostMemory, trial: boolean): boolean {
  return memory.browser > 0 || memory.misses < enough || trial;
}

/** The memory after a page gave a price. */
export function learnedPrice(
  memory: HostMemory,
  by: 'plain' | 'browser',
  method: ExtractionMethod,
): HostMemory {
  return {
    ...memory,
    [by]: Math.min(enough, memory[by] + 1),
    misses: by === 'browser' ? 0 : memory.misses,
    method,
  };
}

/** The memory after a browser found no price either. */
export function learnedMiss(memory: HostMemory): HostMemory {
  return { ...memory, misses: Math.min(enough, memory.misses + 1) };
}
