/** `npm run engines -- up kafka registry`: runs engines until it is told to stop, and prints the variables that name them. */
import { engines, isEngineName, type EngineName } from './shared.ts';

const [verb, ...names] = process.argv.slice(2);
const unknown = names.filter((name) => !isEngineName(name));
if (verb !== 'up' || unknown.length > 0) {
  process.stderr.write(`Usage: npm run engines -- up [${Object.keys(engines).join('] [')}]\n`);
  process.exit(2);
}

const told = new Promise<void>((done) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      done();
    });
  }
});
const chosen: EngineName[] = [];
for (const name of (names.length === 0 ? Object.keys(engines) : names).filter(isEngineName)) {
  const reason = await engines[name].lacking();
  if (reason === null) chosen.push(name);
  else process.stderr.write(`${name}: ${reason}.\n`);
  if (reason !== null && names.length > 0) process.exit(1);
}
if (chosen.length === 0) process.exit(1);
const starting = Promise.allSettled(
  chosen.map(async (name) => ({ variable: engines[name].variable, engine: await engines[name].start() })),
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
