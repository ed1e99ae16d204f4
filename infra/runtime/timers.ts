import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { AnyProcess, TimerDue } from '@daybook/kernel/process.ts';
import type { Database } from '../database/database.ts';
import type { Wakeups } from '../database/wakeups.ts';
import { countParked } from '../telemetry/metrics.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import { InputRefused, refusedOr, refusing } from './batch-handler.ts';
import { backOffMs, reasonOf, rest, type BackOff } from './loop.ts';
import { signalChanges, timersChannel } from './process-runner.ts';
import { stepAll, type ProcessChanges, type RoutedInput } from './process-step.ts';
import {
  claimTimers,
  parkTimer,
  untilNextTimer,
  writeProcessChanges,
  type ClaimedTimer,
} from './process-store.ts';

export type RunTimersOptions = Readonly<{
  processes: readonly AnyProcess[];
  database: Database;
  wakeups: Wakeups;
  log: Log;
  signal: AbortSignal;
  /** Most timers in one transaction. Default 500. */
  maxBatch?: number;
  /** Longest wait without a look at the table, in milliseconds: how late a lost signal may make a timer. Default 5 000. */
  pollMs?: number;
}>;

/** Shortest wait between two rounds that found nothing, so that signals in quick succession share a look. */
const shortestWaitMs = 10;

const engineAway: BackOff = { firstMs: 100, mostMs: 5_000 };

/**
 * Fires timers when they are due by the database's clock, until `signal` aborts. Any number of loops may run. A round goes,
 * for each process (in brackets the test that dies there):
 * 1. in a transaction, lock instances with due timers that nobody else has, and remove those timers
 *    [process-runner.int.spec.ts "a death after claimed neither loses nor doubles, and the input id stays"],
 * 2. take each timer through its instance as an input, write states, further timers and effects
 *    [process-runner.int.spec.ts "a death after written neither loses nor doubles, and the input id stays"],
 * 3. commit [process-runner.int.spec.ts "a death after committed neither loses nor doubles, and the input id stays"],
 * 4. signal the dispatcher; then sleep until the next timer is due, a signal comes, or `pollMs` is over (the death after
 *    3 is the one before the signal) [dispatcher.int.spec.ts "does what it was not signalled about"].
 *
 * A death before 3 leaves the timers where they were, and they fire later with the same input ids. A death after 3 loses
 * only the signal. A timer cannot fire twice: its removal commits with its effect.
 *
 * A timer whose reaction throws, or whose outcome PostgreSQL refuses, is parked, found one by one where it hides among
 * others; the later timers of its instance wait behind it, other instances go on. Failures of engines are never parked.
 */
export async function runTimers(options: RunTimersOptions): Promise<void> {
  const { database, wakeups, log, signal, pollMs = 5_000 } = options;
  const names = options.processes.map(({ name }) => name);
  const wakeup = wakeups.subscribe(timersChannel);
  let failures = 0;
  while (!signal.aborted) {
    try {
      const nextMs = await untilNextTimer(database.pool, names);
      const fired = nextMs === null || nextMs > 0 ? 0 : await fireDueTimers(options);
      failures = 0;
      if (fired > 0) continue;
      // Due and not taken: in other hands. Signals in quick succession share a look.
      await rest(shortestWaitMs, signal);
      const waitMs = Math.min(nextMs === null ? pollMs : Math.max(0, nextMs - shortestWaitMs), pollMs);
      if (waitMs > 0) await wakeup.next(Math.ceil(waitMs), signal);
    } catch (error) {
      failures += 1;
      log.warn('Timers cannot be fired for now.', { failures, ...reasonOf(error) });
      await rest(backOffMs(engineAway, failures), signal);
    }
  }
  wakeup.close();
}

/** One round; answers with how many timers fired. */
export async function fireDueTimers(options: Omit<RunTimersOptions, 'signal'>): Promise<number> {
  let fired = 0;
  for (const process of options.processes) fired += await fireTimersOf(process, options);
  return fired;
}

async function fireTimersOf(process: AnyProcess, options: Omit<RunTimersOptions, 'signal'>): Promise<number> {
  const instances = options.maxBatch ?? 500;
  try {
    return await fired(process, options, { instances });
  } catch (error) {
    const refused = refusedOr(error);
    if (!(refused instanceof InputRefused)) throw refused;
    return await oneByOne(process, options, instances);
  }
}

/** Fires timers one after the other until the one that is refused is found and parked, or so many fired. */
async function oneByOne(
  process: AnyProcess,
  options: Omit<RunTimersOptions, 'signal'>,
  limit: number,
): Promise<number> {
  for (let count = 0; count < limit; count += 1) {
    try {
      if ((await fired(process, options, { instances: 1, mostOfInstance: 1 })) === 0) return count;
    } catch (error) {
      const refused = refusedOr(error);
      if (!(refused instanceof TimerRefused)) throw refused;
      await park(process, refused, options);
      return count + 1;
    }
  }
  return limit;
}

async function fired(
  process: AnyProcess,
  options: Omit<RunTimersOptions, 'signal'>,
  claim: Claim,
): Promise<number> {
  const { changes, fired: count } = await round(process, options, claim);
  signalChanges(options.wakeups, changes);
  return count;
}

type Claim = Parameters<typeof claimTimers>[2];

async function park(
  { name }: AnyProcess,
  { timer, message }: TimerRefused,
  { database, log }: Omit<RunTimersOptions, 'signal'>,
): Promise<void> {
  await failpoint('timers.parking');
  const parked = await parkTimer(database.pool, name, timer, message);
  await failpoint('timers.parked');
  if (!parked) return;
  countParked('timers', name);
  log.error('A timer cannot be handled and is parked.', {
    process: name,
    tenantId: timer.tenantId,
    instanceId: timer.instanceId,
    timer: timer.timer,
    reason: message,
  });
}

/** The one timer of a round was refused. */
class TimerRefused extends InputRefused {
  readonly timer: ClaimedTimer;

  constructor(timer: ClaimedTimer, cause: Error) {
    super(cause.message, { cause });
    this.timer = timer;
  }
}

async function round(
  process: AnyProcess,
  { database }: Omit<RunTimersOptions, 'signal'>,
  claim: Claim,
): Promise<{ changes: Pick<ProcessChanges, 'effects' | 'timers'>; fired: number }> {
  const result = await database.transaction(async (client) => {
    const { states, now, timers } = await claimTimers(client, process.name, claim);
    const [first] = timers;
    if (first === undefined) return { changes: { effects: [], timers: [] }, fired: 0 };
    await failpoint('timers.claimed');
    try {
      const inputs = timers.map((timer) => inputOf(process, timer, now));
      const changes = refusing('process', () => stepAll(process, inputs, states, now));
      await writeProcessChanges(client, process.name, changes);
      await failpoint('timers.written');
      return { changes, fired: timers.length };
    } catch (error) {
      const refused = refusedOr(error);
      throw refused instanceof InputRefused && timers.length === 1
        ? new TimerRefused(first, refused)
        : refused;
    }
  });
  if (result.fired > 0) await failpoint('timers.committed');
  return result;
}

function inputOf(process: AnyProcess, timer: ClaimedTimer, now: string): RoutedInput {
  const { tenantId, instanceId } = timer;
  const input: TimerDue = {
    type: 'TimerDue',
    id: timer.inputId,
    data: { timer: timer.timer, dueAt: timer.dueAt },
    metadata: {
      schemaVersion: 1,
      ...timer.metadata,
      actor: { kind: 'process', id: process.name },
    },
    recordedAt: now,
  };
  return { input, tenantId, instanceId, to: 'continue' };
}
