/** The sagas: processes react to events and topics, timers wake them, the dispatcher does what they ask for. */
import { daybookSettings } from '@daybook/infra/config/settings.ts';
import { defineService } from '@daybook/infra/platform.ts';
import { askParts, notReady } from '@daybook/infra/readiness.ts';
import { measureParked } from '@daybook/infra/parking/measure-parked.ts';
import { parkingLot } from '@daybook/infra/parking/parked-acts.ts';
import { behindOf } from '@daybook/infra/runtime/consumer-lag.ts';
import { runDispatcher } from '@daybook/infra/runtime/dispatcher.ts';
import { runHousekeeping } from '@daybook/infra/runtime/housekeeping.ts';
import { runProcess } from '@daybook/infra/runtime/run-process.ts';
import { runTimers } from '@daybook/infra/runtime/timers.ts';
import { currentVersion, eventsTopic } from '@daybook/schemas/contracts.ts';
import { allEffects, allProcesses } from './capabilities.ts';

/** What a process that died had in hand is free for another after `leaseMs`: checks wait no longer for it. */
const pace = { attemptMs: 15_000, leaseMs: 20_000 } as const;

/** Several may run on one database: they share partitions, timers and effects. */
export const sagas = defineService({
  name: 'sagas',
  settings: daybookSettings.pick({ installation: true, services: true }),
  start: (platform, { commandSender }) => {
    const { topics, eventStore, engines, codec, database, wakeups, log, vault, mail } = platform;
    const stopping = new AbortController();
    const signal = AbortSignal.any([stopping.signal, platform.logWatch.lost]);
    const following = new Set<string>();
    const failed = new Set<string>();
    const shared = { database, wakeups, log, signal, processes: allProcesses };
    const watched = (part: string, running: Promise<void>): Promise<void> =>
      running.catch((error: unknown) => {
        failed.add(part);
        log.error('A loop of the sagas stopped.', { loop: part, error });
      });
    const running = [
      ...allProcesses.map((process) =>
        watched(
          process.name,
          runProcess({
            process,
            topics,
            eventStore,
            codec,
            database,
            wakeups,
            log,
            signal,
            onReady: () => following.add(process.name),
          }),
        ),
      ),
      watched('timers', runTimers(shared)),
      watched(
        'dispatcher',
        runDispatcher({
          ...shared,
          ...pace,
          sender: commandSender,
          topics,
          codec,
          effects: allEffects({ vault, mail, parking: parkingLot({ database, topics, wakeups }) }),
          schemaVersion: currentVersion,
        }),
      ),
      watched('parked', measureParked({ database, log, signal })),
      watched('housekeeping', runHousekeeping({ database, log, signal })),
    ];
    return Promise.resolve({
      ready: () =>
        askParts({
          ...Object.fromEntries(
            allProcesses.map(({ name, topic = eventsTopic }) => [
              `process ${name}`,
              async () => {
                if (!following.has(name) || failed.has(name)) throw notReady('It does not follow its topic.');
                const lags = await engines.waiting(() => topics.lag(topic, name));
                const { messages, seconds } = behindOf(lags);
                return `${String(messages)} messages behind${messages === 0 ? '' : ` for ${seconds.toFixed(1)} s`}`;
              },
            ]),
          ),
          effects: () =>
            failed.has('timers') || failed.has('dispatcher')
              ? Promise.reject(notReady('Timers or effects are not served.'))
              : Promise.resolve(undefined),
        }),
      stop: async () => {
        stopping.abort();
        await Promise.all(running);
      },
    });
  },
});
