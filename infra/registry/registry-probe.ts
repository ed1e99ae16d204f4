import type { EngineProbe } from '../engines/engine-watch.ts';
import { registryClient } from './registry-client.ts';

/** An answer takes no longer, in milliseconds: who asks waits little more. */
const answerTimeoutMs = 1_000;

/** Asks for a subject that need not be there: any answer to that will do. */
export function registryProbe(url: string): EngineProbe {
  const client = registryClient(url, answerTimeoutMs);
  return {
    name: 'The schema registry',
    look: () => client.call((api) => api.Subject.latestVersion({ subject: 'daybook' })),
    close: () => Promise.resolve(),
  };
}
