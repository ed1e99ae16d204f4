/** `npm run engines -- up kafka registry`: runs engines until it is told to stop, and prints the variables that name them. */
import { startStandIn } from '../fakes/event-store-db/server.ts';
import { engines } from './shared.ts';

/** What may be named; the stand-in for EventStoreDB only where it is, and what it holds ends with it. */
const known = {
  ...engines,
  'eventstoredb-standin': {
    variable: 'EVENTSTORE_URL',
    lacking: () => Promise.resolve(null),
    start: () => startStandIn(),
  },
} as const;
type Name = keyof typeof known;
const isName = (name: string): name is Name => name in known;

const [verb, ...names] = process.argv.slice(2);
const unknown = names.filter((name) => !isName(name));
if (verb !== 'up' || unknown.length > 0) {
  const complaint = unknown.length === 0 ? '' : `There is no engine ${unknown.join(', ')}.\n`;
  process.stderr.write(`${complaint}Usage: npm run engines -- up [${Object.keys(known).join('] [')}]\n`);
  process.exit(2);
}

const told = new Promise<void>((done) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      done();
    });
  }
});
const chosen: Name[] = [];
for (const name of (names.length === 0 ? Object.keys(engines) : names).filter(isName)) {
  const reason = await known[name].lacking();
  if (reason === null) chosen.push(name);
  else process.stderr.write(`${name}: ${reason}.\n`);
  if (reason !== null && names.length > 0) process.exit(1);
}
if (chosen.length === 0) process.exit(1);
const starting = Promise.allSettled(
  chosen.map(async (name) => ({ variable: known[name].variable, engine: await known[name].start() })),
);
const outcomes = await starting;
const running = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
for (const outcome of outcomes) {
  if (outcome.status === 'fulfilled') continue;
  process.stderr.write(`${String(outcome.reason)}\n`);
  process.exitCode = 1;
}
for (const { variable, engine } of running) process.stdout.write(`${variable}=${engine.url}\n`);
if (process.exitCode === undefined) {
  const open = setInterval(() => undefined, 60_000);
  await told;
  clearInterval(open);
}
await Promise.all(running.map(({ engine }) => engine.stop()));
