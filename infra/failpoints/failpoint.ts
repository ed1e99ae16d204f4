/** Named places where a process can be made to die, stop, fail or wait, at exactly one step of one loop. */
import { writeSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { FailpointName } from './names.ts';
import type { FailpointAction, FailpointPlan } from './plan.ts';

type Armed = Readonly<{
  /** Whether it acts at this hit; hits count from 1 since it was armed. */
  actsAt: (hit: number) => boolean;
  does: () => void | Promise<void>;
}>;

type Counted = Armed & { hits: number };

/** Undefined while nothing is armed: what a failpoint costs is then one comparison. */
let armed: Map<FailpointName, Set<Counted>> | undefined;

/** Marks a place. Nothing happens there unless it is armed. */
export function failpoint(name: FailpointName): Promise<void> | undefined {
  return armed === undefined ? undefined : reached(armed.get(name));
}

/**
 * Marks the time in which work is with a server and not answered yet. Where it is armed, a turn of the event loop lets
 * what was asked for leave the process first.
 */
export async function underWay<T>(name: FailpointName, work: Promise<T>): Promise<T> {
  if (armed?.has(name) === true) {
    // Where the failpoint throws, nobody waits for its end.
    work.catch(() => undefined);
    await new Promise((turn) => setImmediate(turn));
    await failpoint(name);
  }
  return work;
}

function reached(here: ReadonlySet<Counted> | undefined): Promise<void> | undefined {
  if (here === undefined) return undefined;
  const acting = [...here].filter((one) => one.actsAt((one.hits += 1)));
  return acting.length === 0 ? undefined : inTurn(acting);
}

async function inTurn(acting: readonly Armed[]): Promise<void> {
  for (const { does } of acting) await does();
}

/**
 * Arms a failpoint in this process, for tests; answers with what disarms it. What `does` throws is thrown at the place.
 * With `nth` it acts at that hit alone, otherwise at each.
 */
export function onFailpoint(
  name: FailpointName,
  { nth, does }: Readonly<{ nth?: number; does: () => void | Promise<void> }>,
): () => void {
  return arm(name, { actsAt: (hit) => nth === undefined || hit === nth, does });
}

function arm(name: FailpointName, one: Armed): () => void {
  const counted: Counted = { ...one, hits: 0 };
  armed ??= new Map();
  const here = armed.get(name) ?? new Set();
  armed.set(name, here.add(counted));
  return () => {
    here.delete(counted);
    if (here.size === 0) armed?.delete(name);
    if (armed?.size === 0) armed = undefined;
  };
}

/** Arms what `FAILPOINTS` asks for; answers with what disarms all of it. */
export function armFailpoints(plans: readonly FailpointPlan[]): () => void {
  const disarm = plans.map((plan) => {
    const { name, nth, andLater, action } = plan;
    const actsAt = (hit: number): boolean => hit === nth || (andLater && hit > nth);
    return arm(name, { actsAt, does: () => act(plan, action) });
  });
  return () => {
    for (const one of disarm) one();
  };
}

function act({ name }: FailpointPlan, action: FailpointAction): void | Promise<void> {
  tellNow(name, action);
  switch (action.do) {
    case 'kill':
      process.kill(process.pid, 'SIGKILL');
      return;
    case 'stop':
      process.kill(process.pid, 'SIGSTOP');
      return;
    case 'throw':
      throw new DaybookError('unavailable', 'A failpoint fails on purpose.', {
        retry: 'later',
        fields: { failpoint: name },
      });
    case 'delay':
      return pause(action.ms);
  }
}

/** Written before anything happens, by the thread itself: the only word of a process that dies here. */
function tellNow(failpoint: FailpointName, action: FailpointAction): void {
  writeSync(2, `${JSON.stringify({ message: failpointSays, failpoint, does: action.do })}\n`);
}

/** The message of the line that a failpoint writes on standard error when it acts. */
export const failpointSays = 'A failpoint acts.';
