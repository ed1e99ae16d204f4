/** The image's health check: 0 where the process answers that it lives. Argument: its port, 4000 without one. */
const [port = '4000'] = process.argv.slice(2);
const answer = await fetch(`http://127.0.0.1:${port}/livez`, { signal: AbortSignal.timeout(2_000) }).catch(
  () => undefined,
);
process.exitCode = answer?.ok === true ? 0 : 1;
