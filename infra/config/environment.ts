import type { Environment } from './load.ts';

/** The environment of this process. Nothing else reads it: configuration is loaded once, at the start, and passed down. */
export function environment(): Environment {
  return process.env;
}
