/** The projectors: fold events into read models. */
import { daybookSettings } from '@daybook/infra/config/settings.ts';
import { defineService } from '@daybook/infra/platform.ts';
import { askParts, notReady } from '@daybook/infra/readiness.ts';
import { projectorReadiness } from '@daybook/infra/runtime/projector-readiness.ts';
import { runProjector } from '@daybook/infra/runtime/run-projector.ts';
import { eventsTopic } from '@daybook/schemas/contracts.ts';
import { allProjections } from './capabilities.ts';

/** Several may run on one database: they share the partitions of each projection. */
export const projectors = defineService({
  name: 'projectors',
  settings: daybookSettings.pick({ installation: true, telemetry: true }),
  start: (platform, _links, config) => {
    const { topics, eventStore, engines, logWatch, codec, database, wakeups, log } = platform;
    const { readyMaxLagMs: mostLagMs } = config.telemetry;
    const stopping = new AbortController();
    const signal = AbortSignal.any([stopping.signal, logWatch.lost]);
    const shown = new Set<string>();
    const running = allProjections.map((projection) =>
      runProjector({
        projection,
        topics,
        eventStore,
        codec,
        database,
        wakeups,
        log,
        signal,
        onReady: () => shown.add(projection.name),
      }).catch((error: unknown) => {
        shown.delete(projection.name);
        log.error('A projector stopped.', { projection: projection.name, error });
      }),
    );
    return Promise.resolve({
      ready: () =>
        askParts(
          Object.fromEntries(
            allProjections.map((projection) => [
              `projection ${projection.name}`,
              async () => {
                if (!shown.has(projection.name)) throw notReady('The read model is not shown yet.');
                return engines.waiting(() =>
                  projectorReadiness({ projection, topic: eventsTopic, topics, database, mostLagMs }),
                );
              },
            ]),
          ),
        ),
      stop: async () => {
        stopping.abort();
        await Promise.all(running);
      },
    });
  },
});
