import { contracts } from '@daybook/schemas/contracts.ts';
import type { Platform } from '../platform.ts';
import { foldFingerprints } from './fold-fingerprint.ts';
import { keptStates } from './kept-states.ts';
import { postgresSnapshots } from './snapshots.ts';
import type { StreamStates } from './stream-state.ts';

export type OpenStatesOptions = Readonly<{
  platform: Pick<Platform, 'database' | 'eventStore' | 'log'>;
  /** Folder of the service whose deciders fold the states; see `foldFingerprints`. */
  serviceFolder: string;
  /** Most memory for recent states. 0: nothing is kept from one command to the next. */
  cacheBytes: number;
  /** 0: no snapshots. */
  snapshotEveryEvents: number;
}>;

/** The states of streams as the configuration asks for them. */
export async function openStates(options: OpenStatesOptions): Promise<StreamStates> {
  const { database, eventStore, log } = options.platform;
  const everyEvents = options.snapshotEveryEvents;
  const snapshots =
    everyEvents === 0
      ? {}
      : {
          snapshots: postgresSnapshots({
            database,
            fingerprintOf: await foldFingerprints(options.serviceFolder),
            everyEvents,
            log,
          }),
        };
  return keptStates({
    eventStore,
    sealedFields: (type) => sealed.get(type) ?? none,
    log,
    limits: { maxBytes: options.cacheBytes },
    ...snapshots,
  });
}

const none: readonly string[] = [];
const sealed: ReadonlyMap<string, readonly string[]> = new Map(
  [...contracts.values()].map((contract) => [contract.name, contract.sealed.map(({ field }) => field)]),
);
