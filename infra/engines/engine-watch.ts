import { isDaybookError, type DaybookError } from '@daybook/kernel/errors.ts';
import { degraded, notReady, type ReadinessCheck } from '../readiness.ts';

/** An engine, and how it is asked whether it is there. */
export type EngineProbe = Readonly<{
  /** As people call it: `Kafka`. */
  name: string;
  /** One question. @throws where the engine is away, a `DaybookError` whose message is fit for anybody */
  look: () => Promise<unknown>;
  close: () => Promise<void>;
}>;

export type WatchedEngines = Readonly<{
  /** Without them nothing is answered. By the names of their parts. */
  needed: Readonly<Record<string, EngineProbe>>;
  /** What needs them waits while they are away, and everything else goes on. */
  awaited: Readonly<Record<string, EngineProbe>>;
  /** Which of these topics are in, where they are in any. */
  topics?: string;
}>;

/** Whether engines are there, for readiness. */
export type EngineWatch = Readonly<{
  /** One part for each engine. */
  checks: Readonly<Record<string, ReadinessCheck>>;
  /**
   * For a part that follows topics: it is asked only where they can be, and is degraded, not unable, while an engine is
   * away that can be waited for.
   * @throws what `degraded` makes of it · what `check` throws
   */
  waiting<T>(check: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}>;

/** An answer holds so long, for the parts that ask after each other for one evaluation. */
const holdsMs = 500;

/** @param limitMs how long an engine may take to answer; less than a part of readiness may */
export function watchEngines({ needed, awaited, topics }: WatchedEngines, limitMs = 1_500): EngineWatch {
  const reasons = Object.fromEntries(
    Object.entries({ ...needed, ...awaited }).map(([name, probe]) => [name, reasonOf(probe, limitMs)]),
  );
  const reasonFor = async (name: string): Promise<string | null> => (await reasons[name]?.()) ?? null;
  const check =
    (failure: (message: string) => DaybookError) =>
    (name: string): [string, ReadinessCheck] => [
      name,
      async () => {
        const reason = await reasonFor(name);
        if (reason !== null) throw failure(reason);
        return undefined;
      },
    ];
  return {
    checks: Object.fromEntries([
      ...Object.keys(needed).map(check(notReady)),
      ...Object.keys(awaited).map(check(degraded)),
    ]),
    waiting: async (work) => {
      const reason = topics === undefined ? null : await reasonFor(topics);
      if (reason !== null) throw degraded(`waits: ${reason}`);
      try {
        return await work();
      } catch (error) {
        const away = await Promise.all(Object.keys(awaited).map(reasonFor));
        const [first] = away.filter((one) => one !== null);
        if (first === undefined || !isDaybookError(error)) throw error;
        throw degraded(`${error.message} ${first}`);
      }
    },
    close: async () => {
      await Promise.all(Object.values({ ...needed, ...awaited }).map((probe) => probe.close()));
    },
  };
}

/** Why an engine is away, or null; those who ask together get one answer. */
function reasonOf({ name, look }: EngineProbe, limitMs: number): () => Promise<string | null> {
  let looking: Promise<string | null> | undefined;
  const ask = (): Promise<string | null> =>
    (looking ??= look()
      .then(
        () => null,
        (error: unknown) => (isDaybookError(error) ? error.message : `${name} fails.`),
      )
      .finally(() => {
        setTimeout(() => (looking = undefined), holdsMs).unref();
      }));
  return async () => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((answer) => {
      timer = setTimeout(() => {
        answer(`${name} does not answer in time.`);
      }, limitMs);
    });
    return await Promise.race([ask(), late]).finally(() => {
      clearTimeout(timer);
    });
  };
}
