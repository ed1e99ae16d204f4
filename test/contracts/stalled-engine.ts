import type { GroupLedger } from '@daybook/infra/topics/group-ledger.ts';
import type { TopicEngine } from '@daybook/infra/topics/topic-engine.ts';

/** A process that can be stopped between any two calls to its engine, as SIGSTOP does; for good, as SIGKILL does. */
export type Stallable = Readonly<{ engine: TopicEngine; stall(): void; resume(): void }>;

export function stallable(engine: TopicEngine): Stallable {
  let gate: Promise<void> | undefined;
  let open: () => void = () => undefined;
  return {
    engine: {
      ...gated(engine, () => gate),
      ledger: async (...args) => gated<GroupLedger>(await engine.ledger(...args), () => gate),
    },
    stall: () => {
      gate ??= new Promise((resolve) => (open = resolve));
    },
    resume: () => {
      open();
      gate = undefined;
    },
  };
}

type Calls = Record<string, (...args: never[]) => Promise<unknown>>;

/** Every call waits while the gate is closed, before it reaches the engine and before its answer comes back. */
function gated<T extends object>(target: T, gate: () => Promise<void> | undefined): T {
  const calls = Object.entries(target as Calls).map(([name, call]) => [
    name,
    async (...args: never[]) => {
      await gate();
      const answer = await call(...args);
      await gate();
      return answer;
    },
  ]);
  return Object.fromEntries(calls) as T;
}
