import { failpoints, type FailpointName } from './names.ts';

/** What an armed failpoint does to its process. */
export type FailpointAction =
  /** SIGKILL to itself. */
  | Readonly<{ do: 'kill' }>
  /** SIGSTOP to itself; somebody else has to send SIGCONT. */
  | Readonly<{ do: 'stop' }>
  /** Fails there, as an engine that is away does. */
  | Readonly<{ do: 'throw' }>
  | Readonly<{ do: 'delay'; ms: number }>;

/** One entry of `FAILPOINTS`. */
export type FailpointPlan = Readonly<{
  name: FailpointName;
  /** The hit at which it acts; the first is 1. */
  nth: number;
  /** Acts at each later hit too. */
  andLater: boolean;
  action: FailpointAction;
}>;

/** Entries that can be read, and a sentence about each that cannot. */
export type ReadPlans = Readonly<{ plans: readonly FailpointPlan[]; problems: readonly string[] }>;

const form = 'name:nth:kill|stop|throw|delay:ms';
const longestDelayMs = 600_000;

/** Reads `name:nth:action[:ms],…`; `3+` means the third hit and each after it. */
export function readFailpoints(text: string): ReadPlans {
  const plans: FailpointPlan[] = [];
  const problems: string[] = [];
  for (const entry of text.split(',').map((part) => part.trim())) {
    if (entry === '') continue;
    const read = readEntry(entry);
    if (typeof read === 'string') problems.push(read);
    else plans.push(read);
  }
  return { plans, problems };
}

function readEntry(entry: string): FailpointPlan | string {
  const [name = '', nth = '', does = '', ms, ...more] = entry.split(':');
  if (!isFailpointName(name)) return `"${name}" is no failpoint; docs/reference/failpoints.md lists them`;
  const count = /^([1-9]\d{0,8})(\+?)$/.exec(nth);
  if (count === null) return `"${entry}" must say at which hit, from 1 on: ${form}`;
  const action = more.length === 0 ? readAction(does, ms) : null;
  if (action === null) return `"${entry}" must be of the form ${form}`;
  return { name, nth: Number(count[1]), andLater: count[2] === '+', action };
}

function readAction(does: string, ms: string | undefined): FailpointAction | null {
  if (does === 'delay') {
    const valid = ms !== undefined && /^\d{1,6}$/.test(ms) && Number(ms) <= longestDelayMs;
    return valid ? { do: 'delay', ms: Number(ms) } : null;
  }
  const known = does === 'kill' || does === 'stop' || does === 'throw';
  return known && ms === undefined ? { do: does } : null;
}

function isFailpointName(name: string): name is FailpointName {
  return Object.hasOwn(failpoints, name);
}
